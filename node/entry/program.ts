import { homedir } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { describeConfig, resolveConfig, type Config } from '../config/index.ts'
import type { ChatOptions } from './commands/chat.ts'
import type { KeyFlags } from './commands/keys.ts'
import { addLedgerCommands } from './commands/ledger-commands.ts'
import { EXIT } from './errors.ts'
import { meshCommands } from './mesh-commands.ts'
import { processOutput, type Output } from './output.ts'
import { spoken } from './stdin.ts'

const EXAMPLES = `

Examples:
  lobstah-node                          this machine's models, for yourself
  lobstah-node --bootstrap <multiaddr>  join a mesh, and ask it;
               ... --contribute         and serve this machine's models to it
  lobstah-node relay                    relay for others, on a VPS
  lobstah-node chat "What is a mesh?"   ask the node that is running

Nobody is contacted, and nothing announced, without --bootstrap, --mdns,
--contribute, --relay or an invite that was joined by. Settings come from flags,
then LOBSTAH_* variables, then config.json in the home, then defaults.`

const FOR_PROGRAMS = `
For scripts: with --json a command prints one JSON document, or a line for each
event where it goes on; an argument of - is read from stdin.
Exit codes: 0 done; 1 failed; 2 wrong flag or setting; 3 node, engine or model
not available; 130 interrupted.`

/** Commands are loaded when they are given: libp2p and Fastify take most of a second. */
const load = {
  chat: () => import('./commands/chat.ts'),
  demo: () => import('./commands/demo.ts'),
  keys: () => import('./commands/keys.ts'),
  run: () => import('./commands/run.ts'),
  status: () => import('./commands/status.ts')
}

/** The program: its commands, with what each does. */
export function program(env: NodeJS.ProcessEnv): Command {
  const root = new Command('lobstah-node')
    .description(
      `A peer-to-peer grid for LLM inference. Without a command: run a node and its gateway.${EXAMPLES}`
    )
    .version('0.1.0')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('afterAll', FOR_PROGRAMS)
    .exitOverride()
  for (const option of options()) root.addOption(option)
  const within = (
    command: Command,
    action: (config: Config, output: Output) => Promise<void>
  ): Promise<void> => {
    const config = resolveConfig({ flags: given(command), env, homeDir: homedir() })
    return action(config, processOutput(config.json))
  }
  root.action((_flags, command: Command) =>
    within(command, async (config, output) => (await load.run()).run(config, env, output))
  )
  const simple = {
    identity: "print this node's peer id",
    models: 'print the models that can be asked for now',
    peers: 'print the contributors that are known'
  }
  for (const name of ['identity', 'models', 'peers'] as const) {
    root
      .command(name)
      .description(simple[name])
      .action((_flags, command: Command) =>
        within(command, async (config, output) => (await load.status())[name](config, output))
      )
  }
  addLedgerCommands(root, within)
  root
    .command('chat')
    .description('ask the running node one question, and stream the answer')
    .argument('<question>', 'the question, or - to read it from stdin')
    .option('--model <name>', 'the model to ask; by default the first that can chat')
    .option('--system <text>', 'a system message')
    .option('--max-tokens <n>', 'longest answer', positive)
    .option('--seed <n>', 'seed for sampling', seed)
    .action((question: string, flags: ChatOptions, command: Command) =>
      within(command, async (config, output) =>
        (await load.chat()).chat(config, await spoken(question), flags, output)
      )
    )
  const keys = root.command('keys').description('make, list and remove API keys for the gateway')
  keys
    .command('add')
    .description('make a key and print it, once')
    .argument('<name>', 'what to call it, or - to read it from stdin')
    .option('--models <names>', 'the models that it may ask for, by commas; by default all')
    .option('--rate <n/min>', 'requests for answers in a minute, such as 60/min')
    .option('--spend <credits>', 'credits that it may spend in a day')
    .action((name: string, flags: KeyFlags, command: Command) =>
      within(command, async (config, output) =>
        (await load.keys()).addApiKey(config, await spoken(name), flags, output)
      )
    )
  keys
    .command('list')
    .description("print the keys' names and limits")
    .action((_flags, command: Command) =>
      within(command, async (config, output) => (await load.keys()).listApiKeys(config, output))
    )
  keys
    .command('remove')
    .description('remove a key')
    .argument('<name>', 'its name, or - to read it from stdin')
    .action((name: string, _flags, command: Command) =>
      within(command, async (config, output) =>
        (await load.keys()).removeApiKey(config, await spoken(name), output)
      )
    )
  root
    .command('demo')
    .description('run a relay, a contributor and a consumer on this machine, and ask one question')
    .argument('[question]', 'the question, or - to read it from stdin', 'What is a mesh?')
    .action((question: string, _flags, command: Command) =>
      within(command, async (_config, output) => (await load.demo()).demo(await spoken(question), output))
    )
  meshCommands(root, within, env, positive)
  return root
}

/** The flags that were really given: commander fills in `true` for those that can only be switched off. */
function given(command: Command): Record<string, unknown> {
  const all = Object.entries(command.optsWithGlobals())
  return Object.fromEntries(all.filter(([name]) => command.getOptionValueSourceWithGlobals(name) === 'cli'))
}

/** The help's sections, by the settings in them; the others come under the last. */
const GROUPS: Record<string, string[]> = {
  'Join, serve, relay:': [
    'bootstrap',
    'contribute',
    'relay',
    'listen',
    'announce',
    'mdns',
    'lanOnly',
    'friends',
    'serveAccess',
    'askAccess'
  ],
  'The engine:': [
    'engine',
    'engineUrl',
    'engineKey',
    'modelFile',
    'threads',
    'contextLength',
    'slots',
    'queue'
  ],
  'The gateway:': [
    'gateway',
    'gatewayHost',
    'gatewayPort',
    'apiKeys',
    'allowedHosts',
    'allowedOrigins',
    'gatewayCert',
    'gatewayKey'
  ],
  'Credits:': ['prices', 'maxPrice', 'creditLine']
}

function groupOf(setting: string): string {
  return Object.keys(GROUPS).find((group) => GROUPS[group]?.includes(setting)) ?? 'This program:'
}

/** A flag for each setting; those that are on by default can be switched off. */
function options(): Option[] {
  return describeConfig().map(({ name, flag, type, text, default: value, env }) => {
    const fallback = value === '' || value === '{}' || type === 'boolean' ? '' : ` (default: ${value})`
    const hint = `${text}${fallback} [${env}]`
    const option =
      type !== 'boolean'
        ? new Option(`${flag} <${type}>`, hint).argParser(collect(type))
        : new Option(
            value === 'true' ? flag.replace('--', '--no-') : flag,
            value === 'true' ? `Do not ${hint.charAt(0).toLowerCase()}${hint.slice(1)}` : hint
          )
    return option.helpGroup(groupOf(name))
  })
}

/** Flags that take lists may be repeated. */
function collect(type: string): (value: string, previous: unknown) => unknown {
  return (value, previous) =>
    type === 'list' ? [...((previous as string[] | undefined) ?? []), value] : value
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('expected a whole number above 0')
}

function seed(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('expected a whole number')
}

/** The exit code of what was thrown by the parser; undefined for other errors. */
export function usageExitCode(err: unknown): number | undefined {
  if (!(err instanceof CommanderError)) return undefined
  return err.exitCode === 0 ? 0 : EXIT.usage
}
