import { homedir } from 'node:os'
import { Command, CommanderError } from 'commander'
import { resolveConfig } from '../config/index.ts'
import { packageVersion } from '../version.ts'
import type { CommandContext, CommandSpec } from './command.ts'
import { COMMANDS, COMMAND_GROUPS } from './command-list.ts'
import { CommandError, EXIT, EXIT_CODES } from './errors.ts'
import { secretWarnings } from './command-line-secrets.ts'
import { processOutput } from './output.ts'
import { settingFlags } from './setting-flags.ts'
import { spoken } from './stdin.ts'
import { unknownCommand } from './unknown-command.ts'

const EXAMPLES = `

Examples:
  lobstah-node                          use this machine's models yourself
  lobstah-node --bootstrap <multiaddr>  join a mesh and ask it;
               ... --contribute         serve this machine's models to it too
  lobstah-node relay                    relay for others, on a VPS
  lobstah-node chat "What is a mesh?"   ask the running node

A node contacts nobody and announces nothing without --bootstrap, --mdns,
--contribute, --relay, --discover or an invite it joined with. Settings come from flags,
then LOBSTAH_* variables, then config.json in the home folder, then defaults.`

const FOR_PROGRAMS = `
For scripts: with --json a command prints one JSON document, or one line for
each event if it keeps running; an argument of - is read from stdin.
Exit codes: ${Object.entries(EXIT_CODES)
  .map(([code, meaning]) => `${code} ${meaning}`)
  .join('; ')
  .replace('; 3', ';\n3')}.`

/** The program: the commands of {@link COMMANDS}, and the node that runs without one. */
export function program(env: NodeJS.ProcessEnv): Command {
  const root = new Command('lobstah-node')
    .description(
      `A peer-to-peer grid for LLM inference. Without a command: run a node and its gateway.${EXAMPLES}`
    )
    .version(packageVersion())
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('afterAll', FOR_PROGRAMS)
    .allowExcessArguments()
    .exitOverride()
  for (const option of settingFlags()) root.addOption(option)
  root.action(async (_flags, command: Command) => {
    if (command.args.length > 0) throw unknownCommand(command.args, subcommandsOf(command))
    const { config, output } = contextOf(command, env)
    await (await import('./commands/run.ts')).run(config, env, output)
  })
  for (const spec of COMMANDS) addCommand(root, spec, env)
  return root
}

function addCommand(root: Command, spec: CommandSpec, env: NodeJS.ProcessEnv): void {
  const [first = '', second] = spec.name.split(' ')
  const added = second === undefined ? root.command(first) : groupOf(root, first).command(second)
  // The root takes any words, to name the command that was meant; its commands inherit that.
  added.description(spec.description).allowExcessArguments(false)
  const args = [spec.argument, spec.second].filter((argument) => argument !== undefined)
  for (const argument of args) added.argument(argument.name, argument.description, argument.default)
  for (const option of spec.options ?? []) added.addOption(option)
  added.action(async (...given: unknown[]) => {
    const command = given.at(-1) as Command
    const context = contextOf(command, env)
    const texts: string[] = []
    for (const [at, { file }] of args.entries()) {
      const said = given[at] as string | undefined
      texts.push((file === true || said === undefined ? said : await spoken(said)) ?? '')
    }
    const [first = '', second = ''] = texts
    await spec.run(context, first, command.opts(), second)
  })
}

/** The command that holds a group, such as `receipts`; made when its first member is added. */
function groupOf(root: Command, name: string): Command {
  const present = root.commands.find((command) => command.name() === name)
  if (present !== undefined) return present
  return root
    .command(name)
    .description(COMMAND_GROUPS[name] ?? '')
    .allowExcessArguments()
    .action((_flags, command: Command) => {
      if (command.args.length === 0) command.help({ error: true })
      throw unknownCommand(command.args, subcommandsOf(command), name)
    })
}

function subcommandsOf(command: Command): string[] {
  return command.commands.map((child) => child.name())
}

function contextOf(command: Command, env: NodeJS.ProcessEnv): CommandContext {
  const flags = given(command)
  const config = resolveConfig({ flags, env, homeDir: userHome() })
  const output = processOutput(config.json)
  for (const warning of secretWarnings(flags)) output.note(`Warning: ${warning}`)
  return { config, flags, env, output }
}

/** Undefined for a uid that the system does not know, when HOME is not set either. */
function userHome(): string | undefined {
  try {
    return homedir()
  } catch {
    return undefined
  }
}

/** The flags that were really given: commander fills in `true` for those that can only be switched off. */
function given(command: Command): Record<string, unknown> {
  const all = Object.entries(command.optsWithGlobals())
  const flags = Object.fromEntries(
    all.filter(([name]) => command.getOptionValueSourceWithGlobals(name) === 'cli')
  )
  return withoutUrl(flags, command.name() === 'relay')
}

/** `relay --tracker`, without a URL, stands for `relay --serve-tracker`. */
function withoutUrl(
  { tracker, ...flags }: Record<string, unknown>,
  isRelay: boolean
): Record<string, unknown> {
  if (tracker === undefined) return flags
  if (tracker !== true) return { ...flags, tracker }
  if (isRelay) return { ...flags, serveTracker: true }
  throw new CommandError(
    '--tracker needs the URL of a tracker, such as https://tracker.example; to run one: lobstah-node relay --tracker',
    EXIT.usage
  )
}

/** The exit code for an error of the parser; undefined for other errors. */
export function usageExitCode(err: unknown): number | undefined {
  if (!(err instanceof CommanderError)) return undefined
  return err.exitCode === 0 ? 0 : EXIT.usage
}
