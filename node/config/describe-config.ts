import { WITHOUT_FLAG } from './naming.ts'
import { SETTING_NAMES, flagName, settingType, settings, variableName, type SettingType } from './schema.ts'

/** One row of the settings reference. */
export interface ConfigRow {
  /** The field of config.json. */
  name: string
  /** Empty for a setting that no flag takes. */
  flag: string
  env: string
  type: SettingType
  /** As a flag would spell it; empty if there is none. */
  default: string
  text: string
}

/** The reference of all settings, `home` first: the source of `--help` and docs/reference.md. */
export function describeConfig(): ConfigRow[] {
  const home: ConfigRow = {
    name: 'home',
    flag: flagName('home'),
    env: variableName('home'),
    type: 'text',
    default: '~/.lobstah',
    text: 'Folder of the key, the ledger and config.json; cannot be set in config.json itself'
  }
  const defaults = settings.parse({})
  const rows = SETTING_NAMES.map((name): ConfigRow => {
    const type = settingType(name)
    const text = settings.shape[name].description ?? ''
    return {
      name,
      flag: WITHOUT_FLAG.has(name) ? '' : flagName(name),
      env: variableName(name),
      type,
      default: asText(defaults[name]),
      text
    }
  })
  return [home, ...rows]
}

function asText(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
