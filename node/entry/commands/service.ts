import { settingsOfFlags, writeConfig, type Config } from '../../config/index.ts'
import type { CommandContext } from '../command.ts'
import { findNode } from '../control/control-client.ts'
import { CommandError, EXIT } from '../errors.ts'
import { logFileOf } from '../log-file.ts'
import { table } from '../output.ts'
import { Launchd } from '../service/launchd.ts'
import { programCommand } from '../service/program-command.ts'
import type { ServiceKind, ServiceManager, ServiceSpec, ServiceState } from '../service/service.ts'
import { systemHome } from '../service/systemd-unit.ts'
import { Systemd } from '../service/systemd.ts'
import { TaskScheduler } from '../service/task-scheduler.ts'

export interface ServiceFlags {
  /** Serves the whole machine instead of its user; systemd only. */
  system?: boolean
  /** Runs a relay instead of a node. */
  relayOnly?: boolean
}

export interface LogFlags extends ServiceFlags {
  lines?: number
  follow?: boolean
}

/** Installs the service with the settings that were given as flags, which config.json keeps, and starts it. */
export async function serviceInstall(context: CommandContext, flags: ServiceFlags): Promise<void> {
  const { output } = context
  const config = configOf(context.config, flags)
  const manager = managerOf(context, flags)
  await refuseOtherNode(config, manager)
  await writeConfig(config.home, settingsOfFlags(context.flags))
  const notes = await manager.install(specOf(config, flags, context.env))
  await manager.start()
  const state = await manager.state()
  output.result(state, () => `Installed and started by ${manager.name}: ${state.file}`)
  for (const note of notes) output.note(note)
}

/** Starts the installed service. */
export async function serviceStart(context: CommandContext, flags: ServiceFlags): Promise<void> {
  const manager = managerOf(context, flags)
  await mustBeInstalled(manager)
  await refuseOtherNode(configOf(context.config, flags), manager)
  await manager.start()
  context.output.result(await manager.state(), () => `Started by ${manager.name}.`)
}

/** Stops the service until it is started, or the machine is. */
export async function serviceStop(context: CommandContext, flags: ServiceFlags): Promise<void> {
  const manager = managerOf(context, flags)
  await manager.stop()
  context.output.result(await manager.state(), () => 'Stopped.')
}

/** Says whether the service is installed, starts by itself, and runs. */
export async function serviceStatus(context: CommandContext, flags: ServiceFlags): Promise<void> {
  const state = await managerOf(context, flags).state()
  context.output.result(state, () => stateText(state))
  if (!state.active)
    throw new CommandError(
      state.installed
        ? 'The service does not run. Start it: lobstah-node service start'
        : 'No service is installed. Install it: lobstah-node service install',
      EXIT.unavailable
    )
}

/** Prints the service's log. */
export async function serviceLogs(context: CommandContext, flags: LogFlags): Promise<void> {
  const manager = managerOf(context, flags)
  await mustBeInstalled(manager)
  await manager.logs(flags.lines ?? 100, flags.follow === true, context.output)
}

/** Stops the service and removes it; the home stays. */
export async function serviceUninstall(context: CommandContext, flags: ServiceFlags): Promise<void> {
  const manager = managerOf(context, flags)
  await manager.uninstall()
  const { home } = configOf(context.config, flags)
  context.output.result(await manager.state(), () => `Uninstalled. The home stays as it is: ${home}`)
}

/** The service of this home, if there is one: for `status`, which fails for nothing that is missing. */
export async function serviceState(
  context: CommandContext,
  relayOnly: boolean
): Promise<ServiceState | null> {
  try {
    const state = await managerOf(context, { relayOnly }).state()
    return state.installed ? state : null
  } catch {
    return null
  }
}

/** A service of the system has a home of its own. */
function configOf(config: Config, flags: ServiceFlags): Config {
  return flags.system === true ? { ...config, home: systemHome(kindOf(flags)) } : config
}

function kindOf({ relayOnly }: ServiceFlags): ServiceKind {
  return relayOnly === true ? 'relay' : 'node'
}

function specOf({ home }: Config, flags: ServiceFlags, env: NodeJS.ProcessEnv): ServiceSpec {
  const kind = kindOf(flags)
  // systemd's journal keeps and rotates the log; elsewhere the node does.
  const log = process.platform === 'linux' ? [] : ['--log-file', logFileOf(home)]
  return { kind, home, command: [...programCommand(env), ...(kind === 'relay' ? ['relay'] : []), ...log] }
}

function managerOf({ config, env, output }: CommandContext, flags: ServiceFlags): ServiceManager {
  const kind = kindOf(flags)
  const system = flags.system === true
  if (process.platform === 'linux') return new Systemd(kind, system ? 'system' : 'user', env)
  if (system) throw new CommandError('--system needs systemd: leave it out on this machine', EXIT.usage)
  if (process.platform === 'darwin') return new Launchd(kind, config.home, env)
  if (process.platform === 'win32') return new TaskScheduler(kind, config, env, output)
  throw new CommandError(
    `lobstah-node knows no service manager of ${process.platform}: start "lobstah-node" by the one it has; docs/service.md says what matters`
  )
}

async function mustBeInstalled(manager: ServiceManager): Promise<void> {
  if ((await manager.state()).installed) return
  throw new CommandError(
    'No service is installed. Install it: lobstah-node service install',
    EXIT.unavailable
  )
}

/** The service cannot run beside a node that was started otherwise on the same home. */
async function refuseOtherNode({ home }: Config, manager: ServiceManager): Promise<void> {
  if ((await manager.state()).active) return
  const found = await findNode(home)
  if (found.state !== 'running') return
  throw new CommandError(
    `A node runs on ${home} already (pid ${found.runtime.pid}), and was not started as a service. Stop it first: lobstah-node stop`,
    EXIT.usage
  )
}

function stateText({ manager, installed, enabled, active, file }: ServiceState): string {
  const yes = (value: boolean): string => (value ? 'yes' : 'no')
  return table([
    ['manager', manager],
    ['installed', installed ? file : 'no'],
    ['starts by itself', yes(enabled)],
    ['running', yes(active)]
  ])
}
