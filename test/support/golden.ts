import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '../fixtures/golden')

/**
 * Compares a value with the golden file of this name. A file that changes means another wire format, hence
 * another protocol id. Where that is meant, `UPDATE_GOLDEN=1 npm test` writes the files anew.
 */
export async function assertGolden(name: string, value: unknown): Promise<void> {
  const file = join(FOLDER, `${name}.json`)
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(file, `${JSON.stringify(value, null, 2)}\n`)
  assert.deepEqual(value, await readGolden(name))
}

/** The value in the golden file of this name. */
export async function readGolden(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(FOLDER, `${name}.json`), 'utf8'))
}
