import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'

/** Puts a text in a file's place, mode 0600: who reads it finds all of the old one or all of the new one. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}
