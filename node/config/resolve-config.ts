import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { configFile, readConfigFile } from './config-file.ts'
import { ConfigError } from './errors.ts'
import { WITHOUT_FLAG } from './naming.ts'
import {
  SETTING_NAMES,
  flagName,
  settingType,
  settings,
  variableName,
  type ConfigPatch,
  type SettingName
} from './schema.ts'

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** All settings, checked, with defaults filled in; frozen. */
export type Config = DeepReadonly<z.output<typeof settings> & { home: string }>

/** Where settings come from, the first named first: flags, variables, the home folder's config.json. */
export interface ConfigSources {
  /** By the settings' names, as a command line parser gives them; undefined and unknown ones are left out. */
  flags: Readonly<Record<string, unknown>>
  /** Empty variables count as not set. */
  env: Readonly<Record<string, string | undefined>>
  /** The user's own folder, in which `.lobstah` is the default home; undefined for a user without one. */
  homeDir: string | undefined
}

interface Given {
  value: unknown
  source: string
}

/** The settings in force. Throws ConfigError with a line for each that is not valid. */
export function resolveConfig(sources: ConfigSources): Config {
  const home = resolveHome(sources)
  const file = configFile(home)
  const fields = readConfigFile(file)
  const given = new Map<SettingName, Given>()
  for (const name of SETTING_NAMES) {
    const found =
      fromFlag(name, sources.flags) ?? fromVariable(name, sources.env) ?? fromFile(name, fields, file)
    if (found !== undefined) given.set(name, found)
  }
  const values = [...given].map(([name, { value }]) => [name, value])
  const config = checkSettings(Object.fromEntries(values), (name) => given.get(name)?.source ?? name)
  return deepFreeze({ home, ...config })
}

/** The settings among flags, in the terms of config.json. `json` shapes the output of one command, and is no setting to keep. */
export function settingsOfFlags(flags: ConfigSources['flags']): ConfigPatch {
  const given = SETTING_NAMES.filter((name) => name !== 'json').flatMap((name) => {
    const found = fromFlag(name, flags)
    return found === undefined ? [] : [[name, found.value]]
  })
  return Object.fromEntries(given) as ConfigPatch
}

/** The settings with defaults filled in. Throws ConfigError; `sourceOf` says where a setting came from. */
export function checkSettings(
  values: unknown,
  sourceOf: (name: SettingName) => string
): z.output<typeof settings> {
  const result = settings.safeParse(values)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => {
    const [name, ...path] = issue.path
    const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
    return `${sourceOf(name as SettingName)}${place}: expected ${issue.message}`
  })
  throw new ConfigError(lines.join('\n'))
}

function resolveHome({ flags, env, homeDir }: ConfigSources): string {
  const usual = homeDir === undefined ? undefined : join(homeDir, '.lobstah')
  const home = flags.home ?? (env[variableName('home')] || undefined) ?? usual
  if (home === undefined)
    throw new ConfigError(
      `This user has no home folder: name one for the node with ${flagName('home')} or ${variableName('home')}`
    )
  if (typeof home === 'string' && home !== '') return resolve(home)
  throw new ConfigError(`flag ${flagName('home')}: expected the path of a folder`)
}

function fromFlag(name: SettingName, flags: ConfigSources['flags']): Given | undefined {
  const value = flags[name]
  if (value === undefined || WITHOUT_FLAG.has(name)) return undefined
  return { value: settingFromText(name, value), source: `flag ${flagName(name)}` }
}

function fromVariable(name: SettingName, env: ConfigSources['env']): Given | undefined {
  const value = env[variableName(name)]
  if (value === undefined || value === '') return undefined
  return { value: settingFromText(name, value), source: variableName(name) }
}

function fromFile(
  name: SettingName,
  fields: Readonly<Record<string, unknown>>,
  file: string
): Given | undefined {
  return name in fields ? { value: fields[name], source: `${file} field ${name}` } : undefined
}

/** Parses a text; text that does not parse stays as it is, and the schema then refuses it. */
export function settingFromText(name: SettingName, value: unknown): unknown {
  const type = settingType(name)
  if (type === 'list') return (Array.isArray(value) ? value : [value]).flatMap(splitList)
  if (type === 'pairs') return parsePairs(value)
  if (typeof value !== 'string') return value
  switch (type) {
    case 'boolean':
      return BOOLEANS.get(value.toLowerCase()) ?? value
    case 'number':
      return /^\d+$/.test(value) ? Number(value) : value
    case 'json':
      return parseJson(value)
    case 'text':
      return value
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false]
])

function splitList(value: unknown): unknown[] {
  if (typeof value !== 'string') return [value]
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** `a=b,c=d`, said once or several times, or a JSON object. */
function parsePairs(value: unknown): unknown {
  const texts = [value].flat()
  if (!texts.every((text) => typeof text === 'string')) return value
  if (texts[0]?.trim().startsWith('{') === true) return parseJson(texts[0])
  const pairs = texts.flatMap(splitList).map((pair) => /^([^=]+)=(.+)$/s.exec(String(pair)))
  if (pairs.some((pair) => pair === null)) return value
  return Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim() ?? '', pair?.[2]?.trim() ?? '']))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
