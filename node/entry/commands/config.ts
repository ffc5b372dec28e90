import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  SETTING_NAMES,
  checkSettings,
  configFile,
  nearestName,
  readConfigFile,
  replaceConfig,
  settingFromText,
  variableName,
  writeConfig,
  type ConfigPatch,
  type SettingName
} from '../../config/index.ts'
import type { CommandContext } from '../command.ts'
import { CommandError, EXIT } from '../errors.ts'
import { table } from '../output.ts'
import { readRunning } from '../runtime-file.ts'

/** Settings that open something: a list shows that they are set, and no more. */
const SECRETS: ReadonlySet<SettingName> = new Set(['apiKeys', 'engineKey', 'lastResortKey'])

/** Prints a setting in force, or all that are not at their defaults. */
export function configGet({ config, output }: CommandContext, given: string): Promise<void> {
  if (given !== '') {
    const name = settingNamed(given)
    const value = config[name]
    output.result(value ?? null, () => asText(value))
    return Promise.resolve()
  }
  const defaults = checkSettings({}, (name) => name)
  const changed = SETTING_NAMES.filter(
    (name) => JSON.stringify(config[name]) !== JSON.stringify(defaults[name])
  )
  const values = changed.map((name) => [name, SECRETS.has(name) ? '(secret)' : asText(config[name])] as const)
  output.result(Object.fromEntries(values), () =>
    values.length === 0 ? 'All settings are at their defaults.' : table(values.map((row) => [...row]))
  )
  return Promise.resolve()
}

/** Keeps a setting in config.json. Throws ConfigError where the value is not valid, and keeps nothing then. */
export async function configSet(context: CommandContext, given: string, text: string): Promise<void> {
  const name = settingNamed(given)
  const value = settingFromText(name, text)
  await writeConfig(context.config.home, { [name]: value })
  context.output.result({ [name]: value }, () => `${name} is ${asText(value)} from the next start on.`)
  await remind(context, [name])
}

/** Removes a setting from config.json: its default applies again. */
export async function configUnset(context: CommandContext, given: string): Promise<void> {
  const name = settingNamed(given)
  await writeConfig(context.config.home, { [name]: undefined })
  context.output.result({ [name]: null }, () => `${name} is no longer set in config.json.`)
  await remind(context, [name])
}

/** Opens config.json in an editor; what comes back is kept only if it is valid. */
export async function configEdit({ config, env, output }: CommandContext): Promise<void> {
  const file = configFile(config.home)
  const folder = await mkdtemp(join(tmpdir(), 'lobstah-config-'))
  const draft = join(folder, 'config.json')
  await copyFile(file, draft).catch(() => writeFile(draft, '{}\n', { mode: 0o600 }))
  const before = await readFile(draft, 'utf8')
  await edit(env.VISUAL ?? env.EDITOR ?? (process.platform === 'win32' ? 'notepad' : 'vi'), draft)
  if ((await readFile(draft, 'utf8')) === before) {
    output.result({ changed: false }, () => 'Nothing was changed.')
  } else {
    try {
      const fields = readConfigFile(draft)
      checkSettings(fields, (name) => `setting ${name}`)
      await replaceConfig(config.home, fields as ConfigPatch)
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err)
      throw new CommandError(`${why}\n${file} stays as it was; your text is kept in ${draft}`, EXIT.usage, {
        cause: err
      })
    }
    output.result({ changed: true }, () => `${file} is saved. A node reads it when it starts.`)
  }
  await rm(folder, { recursive: true })
}

async function edit(editor: string, file: string): Promise<void> {
  // An editor may come with arguments: `code --wait`.
  const child = spawn(`${editor} "${file}"`, { shell: true, stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code === 0) return
  throw new CommandError(
    `The editor "${editor}" failed (${code}): nothing was changed. Name another in the variable EDITOR`
  )
}

/** By its name as a field, a flag or a variable. Throws CommandError. */
function settingNamed(given: string): SettingName {
  const words = given
    .replace(/^--|^LOBSTAH_/, '')
    .split(/[-_]/)
    .map((word) => (/^[A-Z]+$/.test(word) ? word.toLowerCase() : word))
  const name = words
    .map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('')
  const found = SETTING_NAMES.find((each) => each === name)
  if (found !== undefined) return found
  const meant = nearestName(name, SETTING_NAMES)
  throw new CommandError(
    `There is no setting ${given}: ${meant === undefined ? 'see lobstah-node --help' : `did you mean ${meant}?`}`,
    EXIT.usage
  )
}

/** Says what keeps a change from taking effect now. */
async function remind({ config, env, output }: CommandContext, names: SettingName[]): Promise<void> {
  for (const name of names) {
    const variable = variableName(name)
    if (env[variable]) output.note(`The variable ${variable} is set, and counts for more than config.json.`)
  }
  if ((await readRunning(config.home)) !== undefined)
    output.note('The running node keeps its settings until it is started again.')
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
