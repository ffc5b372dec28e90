import { mkdir } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { checkNames, configFile, readConfigFile } from './config-file.ts'
import { ConfigError } from './errors.ts'
import { checkSettings } from './resolve-config.ts'
import type { ConfigPatch } from './schema.ts'

/**
 * Sets fields of a home folder's config.json, and drops those that are undefined; the others stay as they are.
 * The file is replaced as a whole, mode 0600, for it may hold keys. Throws ConfigError, and writes nothing then.
 */
export async function writeConfig(home: string, patch: ConfigPatch): Promise<void> {
  const file = configFile(home)
  checkNames(Object.keys(patch), file)
  checkSettings(patch, (name) => `setting ${name}`)
  await replaceConfig(home, { ...(readConfigFile(file) as ConfigPatch), ...patch })
}

/** Replaces a home folder's config.json by checked fields. Throws ConfigError. */
export async function replaceConfig(home: string, fields: ConfigPatch): Promise<void> {
  const file = configFile(home)
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    await writeFileAtomic(file, `${JSON.stringify(fields, null, 2)}\n`, { mode: 0o600 })
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err)
    throw new ConfigError(
      `${file} cannot be written (${reason}): check the folder's permissions and the free space`,
      {
        cause: err
      }
    )
  }
}
