import { toString as qrSvg } from 'qrcode'
import {
  DashboardCommandError,
  type CommandOutcome,
  type OwnerCommand,
  type OwnerDesk
} from '../../http-gateway/index.ts'
import { resolveConfig, writeConfig, type Config, type ConfigPatch } from '../config/index.ts'
import { settings } from '../config/schema.ts'
import { isInvite } from '../membership/index.ts'
import { CommandError } from './errors.ts'
import type { Output } from './output.ts'
import type { RecentLog } from './recent-log.ts'
import { cleanText } from './terminal-text.ts'

/** Longest export that is handed to the page, in lines. */
const MAX_LINES = 10_000

/** Settings that hold secrets: the page learns that they are set, no more. */
const SECRET = new Set(['apiKeys', 'engineKey', 'gatewayKey'])

interface Given {
  argument: string
  flags: Record<string, string | number | boolean>
  config: Config
  env: NodeJS.ProcessEnv
  output: Output
}

type Run = (given: Given) => Promise<void>

/** Actions open to the dashboard, named after the commands in a terminal. Each loads its code when it runs. */
const RUNS: Readonly<Record<string, Run>> = {
  doctor: async ({ config, env, output }) => (await import('./doctor/doctor.ts')).doctor(config, env, output),
  mesh: async ({ config, output }) => (await import('./commands/join.ts')).showMesh(config, output),
  invite: async ({ config, flags, output }) =>
    (await import('./commands/invite.ts')).invite(config, flags, output),
  join: async ({ config, argument, flags, output }) =>
    (await import('./commands/join.ts')).joinInvite(config, argument, flags, output),
  leave: async ({ config, output }) => (await import('./commands/join.ts')).leave(config, output),
  members: async ({ config, output }) => (await import('./commands/members.ts')).listMembers(config, output),
  'members remove': async ({ config, argument, output }) =>
    (await import('./commands/members.ts')).removeMember(config, argument, output),
  'members restore': async ({ config, argument, output }) =>
    (await import('./commands/members.ts')).restoreMember(config, argument, output),
  'friends list': async ({ config, output }) =>
    (await import('./commands/friends.ts')).listFriends(config, output),
  'friends add': async ({ config, argument, output }) =>
    (await import('./commands/friends.ts')).addFriend(config, argument, output),
  'friends remove': async ({ config, argument, output }) =>
    (await import('./commands/friends.ts')).removeFriend(config, argument, output),
  'keys list': async ({ config, output }) => (await import('./commands/keys.ts')).listApiKeys(config, output),
  'ledger verify': async ({ config, output }) =>
    (await import('./commands/ledger.ts')).ledgerVerify(config, output),
  'receipts export': async ({ config, output }) =>
    (await import('./commands/receipts.ts')).receiptsExport(config, {}, output),
  'settings list': listSettings,
  'settings set': setSetting
}

/** The owner's desk of a running node: its commands on its home, and its log. */
export function ownerDesk(config: Config, env: NodeJS.ProcessEnv, log: RecentLog): OwnerDesk {
  return {
    logs: () => log.list(),
    run: async (command) => await run(command, config, env)
  }
}

async function run(
  { name, argument = '', flags = {} }: OwnerCommand,
  running: Config,
  env: NodeJS.ProcessEnv
): Promise<CommandOutcome> {
  const command = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined
  if (command === undefined)
    throw new DashboardCommandError(`The dashboard has no command "${name}": run it in a terminal`)
  const results: unknown[] = []
  const notes: string[] = []
  const output: Output = {
    json: true,
    result: (value) => void results.push(value),
    event: (value) => {
      if (results.length < MAX_LINES) results.push(value)
      else if (results.length === MAX_LINES) notes.push('This is not all: export in a terminal instead')
    },
    piece: () => undefined,
    note: (text) => void notes.push(cleanText(text))
  }
  try {
    await command({ argument, flags, config: running, env, output })
  } catch (err) {
    if (!(err instanceof Error)) throw err
    // A doctor that finds something throws after it has said what.
    if (results.length === 0) throw new DashboardCommandError(cleanText(err.message), { cause: err })
    if (err instanceof CommandError) notes.push(err.message)
  }
  const result = results.length > 1 ? results : (results[0] ?? null)
  return { result: await withQr(result), notes }
}

/** An invite with the picture that phones read, as an SVG. */
async function withQr(result: unknown): Promise<unknown> {
  if (typeof result !== 'object' || result === null || !('invite' in result)) return result
  const { invite } = result
  if (typeof invite !== 'string' || !isInvite(invite)) return result
  const qr = await qrSvg(invite, { type: 'svg', errorCorrectionLevel: 'L', margin: 2 })
  return { ...result, qr }
}

/** The settings in force, what config.json says now, and what each means. */
async function listSettings({ config, output }: Given): Promise<void> {
  const kept = resolveConfig({ flags: { home: config.home }, env: {}, homeDir: config.home })
  const shown = (name: string, value: unknown): unknown =>
    SECRET.has(name) && isSet(value) ? '(set)' : (value ?? null)
  output.result(
    Object.entries(settings.shape).map(([name, schema]) => ({
      name,
      text: schema.description ?? '',
      value: shown(name, config[name as keyof Config]),
      kept: shown(name, kept[name as keyof Config])
    })),
    () => ''
  )
  await Promise.resolve()
}

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== ''
}

/** Changes a setting in config.json; nothing resets it to its default. */
async function setSetting({ config, argument, flags, output }: Given): Promise<void> {
  if (!Object.hasOwn(settings.shape, argument)) throw new CommandError(`There is no setting "${argument}"`)
  const { value } = flags
  const patch: ConfigPatch = { [argument]: value === '' || value === undefined ? undefined : parsed(value) }
  await writeConfig(config.home, patch)
  output.result({ set: argument }, () => '')
  output.note('It takes effect at the next start.')
}

/** Numbers, lists and objects are written as JSON; all else is text. */
function parsed(value: string | number | boolean): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
