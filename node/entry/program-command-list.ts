import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { LogFlags, ServiceFlags } from './commands/service.ts'
import { positive } from './flag-numbers.ts'

const system = new Option('--system', 'for the whole machine, as root (systemd only), instead of your user')
const relayOnly = new Option('--relay-only', 'a relay instead of a node')
const options = [system, relayOnly]

/** The commands for this program itself, in help order. */
export const PROGRAM_COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'config get',
    description: 'print a setting in force, or all that differ from their defaults',
    argument: {
      name: '[setting]',
      description: 'its name in config.json, or its flag; - reads it from stdin'
    },
    run: async (context, name) => (await import('./commands/config.ts')).configGet(context, name)
  }),
  command({
    name: 'config set',
    description: 'keep a setting in config.json',
    argument: {
      name: '<setting>',
      description: 'its name in config.json, or its flag; - reads it from stdin'
    },
    second: { name: '<value>', description: 'as the flag takes it; - reads it from stdin' },
    run: async (context, name, _flags, value) =>
      (await import('./commands/config.ts')).configSet(context, name, value)
  }),
  command({
    name: 'config unset',
    description: 'remove a setting from config.json',
    argument: {
      name: '<setting>',
      description: 'its name in config.json, or its flag; - reads it from stdin'
    },
    run: async (context, name) => (await import('./commands/config.ts')).configUnset(context, name)
  }),
  command({
    name: 'config edit',
    description: 'open config.json in an editor ($VISUAL, $EDITOR) and check what comes back',
    run: async (context) => (await import('./commands/config.ts')).configEdit(context)
  })
]

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
