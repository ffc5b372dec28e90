import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from './errors.ts'
import { jsonErrorOffset } from './json-error-offset.ts'
import { nearestName } from './nearest-name.ts'
import { SETTING_NAMES, flagName, variableName, type SettingName } from './schema.ts'

/** A file's fields, not yet checked but for their names. */
export type RawSettings = Partial<Record<SettingName, unknown>>

/** Where the settings of a home folder are. */
export function configFile(home: string): string {
  return join(home, 'config.json')
}

/** The fields of config.json; none when there is no such file. Throws ConfigError. */
export function readConfigFile(file: string): RawSettings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return {}
    const reason = err instanceof Error ? err.message : String(err)
    throw new ConfigError(
      `${file} cannot be read (${reason}): check that it is a file, and its permissions`,
      {
        cause: err
      }
    )
  }
  const value = parse(text.replace(/^\uFEFF/, ''), file)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(`${file}: expected an object, such as {"contribute":true}`)
  }
  checkNames(Object.keys(value), file)
  return value
}

/** Throws ConfigError when a field is none of the settings. */
export function checkNames(names: string[], file: string): void {
  const unknown = names.filter((name) => !(SETTING_NAMES as string[]).includes(name))
  if (unknown.length === 0) return
  throw new ConfigError(unknown.map((name) => `${file}: ${problemOf(name)}`).join('\n'))
}

function problemOf(name: string): string {
  if (name === 'home')
    return `the field home is not allowed here: use ${flagName(name)} or ${variableName(name)}`
  const meant = nearestName(name, SETTING_NAMES)
  return meant === undefined
    ? `unknown field ${name}: remove it. lobstah-node --help lists the settings; --engine-url, say, is the field engineUrl`
    : `unknown field ${name}: did you mean ${meant}?`
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (err) {
    const lines = text.slice(0, jsonErrorOffset(text)).split('\n')
    const column = (lines.at(-1)?.length ?? 0) + 1
    throw new ConfigError(`${file} is not JSON at line ${lines.length}, column ${column}`, { cause: err })
  }
}
