import { describeConfig, type ConfigRow } from '../../node/config/index.ts'
import { settingFlags } from '../../node/entry/setting-flags.ts'
import { code, plain, table } from './table.ts'

/** Flags, variables and fields of config.json, under the headings of `--help`. */
export function settingsSection(): string {
  const flags = settingFlags()
  const headings = new Map(flags.map((option) => [option.attributeName(), option.helpGroupHeading]))
  // The key of the last resort has no flag: it stands beside its file.
  const headingOf = (name: string): string => headings.get(name) ?? headings.get(`${name}File`) ?? ''
  const groups = Map.groupBy(describeConfig(), ({ name }) => headingOf(name))
  const [general, ...others] = groups
  const sections = [...others, ...(general === undefined ? [] : [general])].map(([heading, rows]) => {
    const lines = rows.map((row) => [flag(row), code(row.env), field(row), byDefault(row), plain(row.text)])
    return `### ${heading.replace(/:$/, '')}\n\n${table(['Flag', 'Variable', 'Field', 'Default', 'Meaning'], lines)}`
  })
  return `## Settings

A flag takes precedence over its variable, the variable over the field in \`config.json\` in the home folder, and the field over the default. Lists are separated by commas in flags and variables, and a flag with a list may be repeated; objects are written as JSON. In \`config.json\` lists and objects are JSON. Every command takes these flags.

${sections.join('\n\n')}`
}

function flag({ flag: name, type, default: value }: ConfigRow): string {
  if (name === '') return ''
  if (type !== 'boolean') return code(`${name} <${type}>`)
  return code(value === 'true' ? name.replace('--', '--no-') : name)
}

function field({ name }: ConfigRow): string {
  return name === 'home' ? '' : code(name)
}

function byDefault({ default: value, type }: ConfigRow): string {
  return value === '{}' || (type === 'boolean' && value === 'false') ? '' : code(value)
}
