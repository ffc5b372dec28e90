import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { EarningsFlags } from './commands/earnings.ts'
import type { PauseFlags } from './commands/limits.ts'

/** The commands by which the owner of a machine limits what peers get of it. */
export const OWNER_COMMANDS: readonly CommandSpec[] = [
  command<PauseFlags>({
    name: 'pause',
    description: 'serve no peers until resumed; running answers go on',
    options: [
      new Option('--for <time>', 'pause for minutes, hours or days, such as 30m, 1h or 2d'),
      new Option('--until <day>', 'pause until tomorrow').choices(['tomorrow'])
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/limits.ts')).pause(config, flags, output)
  }),
  command({
    name: 'resume',
    description: 'serve peers again after a pause',
    run: async ({ config, output }) => (await import('./commands/limits.ts')).resume(config, output)
  }),
  command({
    name: 'limits list',
    description: 'list the limits on what peers get',
    run: async ({ config, output }) => (await import('./commands/limits.ts')).showLimits(config, output)
  }),
  command({
    name: 'limits set',
    description: 'change a limit, also of a running node',
    argument: {
      name: '<limit=value>',
      description: 'such as tokensPerDay=100000; an empty value resets the limit; - reads it from stdin'
    },
    run: async ({ config, output }, assignment) =>
      (await import('./commands/limits.ts')).setLimit(config, assignment, output)
  }),
  command<EarningsFlags>({
    name: 'earnings',
    description: 'print what serving peers earned today, this week and this month',
    options: [
      new Option('--by <group>', 'group by model, peer or day').choices(['model', 'peer', 'day']),
      new Option('--since <date>', 'where the groups begin (default: the start of this month)')
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/earnings.ts')).earnings(config, flags, output)
  })
]
