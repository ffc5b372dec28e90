import { SETTING_NAMES, flagName, settingType, settings, variableName, type SettingType } from './schema.ts'

/** One line of the settings' reference. */
export interface ConfigRow {
  /** The field of config.json. */
  name: string
  flag: string
  env: string
  type: SettingType
  /** As text, as a flag would say it; empty where there is none. */
  default: string
  text: string
}

/** The reference of all settings, from which `--help` and the docs' table are made; `home` is first. */
export function describeConfig(): ConfigRow[] {
  const home: ConfigRow = {
    name: 'home',
    flag: flagName('home'),
    env: variableName('home'),
    type: 'text',
    default: '~/.lobstah',
    text: 'Folder of the key, the ledger and config.json, which itself cannot name it'
  }
  const defaults = settings.parse({})
  const rows = SETTING_NAMES.map((name): ConfigRow => {
    const type = settingType(name)
    const text = settings.shape[name].description ?? ''
    return {
      name,
      flag: flagName(name),
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
