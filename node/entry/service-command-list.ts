import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { LogFlags, ServiceFlags } from './commands/service.ts'
import { positive } from './flag-numbers.ts'

const system = new Option('--system', 'for the whole machine, as root (systemd only), instead of your user')
const relayOnly = new Option('--relay-only', 'a relay instead of a node')
const options = [system, relayOnly]

/** The commands for a node that the system starts, in help order. */
export const SERVICE_COMMANDS: readonly CommandSpec[] = [
  command<ServiceFlags>({
    name: 'service install',
    description: 'start a node with this machine from now on, with the settings given as flags',
    options,
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceInstall(context, flags)
  }),
  command<ServiceFlags>({
    name: 'service start',
    description: 'start the installed service',
    options,
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceStart(context, flags)
  }),
  command<ServiceFlags>({
    name: 'service stop',
    description: 'stop the service until it, or the machine, is started again',
    options,
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceStop(context, flags)
  }),
  command<ServiceFlags>({
    name: 'service status',
    description: 'say whether the service is installed, starts by itself and runs',
    options,
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceStatus(context, flags)
  }),
  command<LogFlags>({
    name: 'service logs',
    description: "print the end of the service's log",
    options: [
      ...options,
      new Option('--lines <n>', 'how many lines (default: 100)').argParser(positive),
      new Option('--follow', 'go on with what is logged from now on')
    ],
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceLogs(context, flags)
  }),
  command<ServiceFlags>({
    name: 'service uninstall',
    description: 'stop the service and remove it; the home stays',
    options,
    run: async (context, _argument, flags) =>
      (await import('./commands/service.ts')).serviceUninstall(context, flags)
  })
]
