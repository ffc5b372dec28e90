import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KeyFileError } from './errors.ts'

/** The token of a home, by which its owner's commands are known; undefined when it has none yet. */
export async function readHomeToken(home: string): Promise<string | undefined> {
  try {
    const token = (await readFile(join(home, 'token'), 'utf8')).trim()
    return /^[\w-]{43}$/.test(token) ? token : undefined
  } catch {
    // A process that may not read it is not the owner's.
    return undefined
  }
}

/** The token of a home; makes it, mode 0600, where there is none. Throws KeyFileError. */
export async function homeToken(home: string): Promise<string> {
  const kept = await readHomeToken(home)
  if (kept !== undefined) return kept
  const file = join(home, 'token')
  const temporary = `${file}.${randomUUID()}`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(`${randomBytes(32).toString('base64url')}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Unlike a rename, a link fails when another program was faster.
    await link(temporary, file).catch(() => undefined)
  } finally {
    await rm(temporary, { force: true })
  }
  const token = await readHomeToken(home)
  if (token === undefined) throw new KeyFileError(`${file} holds no token: delete it, and start again`)
  return token
}
