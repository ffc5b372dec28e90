import { readFile } from 'node:fs/promises'
import { lastResort } from '../last-resort.ts'
import { CommandError, EXIT } from './errors.ts'
import type { MeshConfig } from './mesh-config.ts'

/** The last resort that the settings name; undefined where they name none, or confine requests. Throws CommandError. */
export async function chooseLastResort(
  config: MeshConfig
): Promise<ReturnType<typeof lastResort> | undefined> {
  const { lastResort: url, lastResortModels: models } = config
  if (url === undefined || confinement(config) !== undefined) return undefined
  return lastResort({ url, apiKey: await keyOf(config), models })
}

/** Tells a person that the last resort is asked, or why it is not. */
export function lastResortWarnings(config: MeshConfig): string[] {
  if (config.lastResort === undefined) return []
  const reason = confinement(config)
  if (reason !== undefined) return [`the last resort is never asked: ${reason}`]
  const { protocol, hostname } = new URL(config.lastResort)
  const keyed = config.lastResortKey !== undefined || config.lastResortKeyFile !== undefined
  return protocol === 'http:' && keyed && !/^(localhost|127\.|\[::1\])/.test(hostname)
    ? ['the last resort is an http address: its key and your prompts travel unencrypted']
    : []
}

/** Why requests must not leave the mesh; undefined where they may. */
function confinement({ membership, askAccessGiven }: MeshConfig): string | undefined {
  if (membership?.key !== undefined) return 'this home belongs to a private mesh'
  if (askAccessGiven === 'friends') return 'requests are for friends only (--ask-access friends)'
  return askAccessGiven === 'nobody' ? 'requests stay on this machine (--ask-access nobody)' : undefined
}

async function keyOf({ lastResortKey, lastResortKeyFile: file }: MeshConfig): Promise<string | undefined> {
  if (file === undefined) return lastResortKey
  let key: string
  try {
    key = (await readFile(file, 'utf8')).trim()
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err)
    throw new CommandError(`The last resort's key file cannot be read: ${reason}`, EXIT.usage, { cause: err })
  }
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new CommandError(
      `The last resort's key file ${file} must hold the key alone, on one line`,
      EXIT.usage
    )
  return key
}
