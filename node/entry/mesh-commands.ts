import type { Command } from 'commander'
import type { Config } from '../config/index.ts'
import type { InviteFlags } from './commands/invite.ts'
import type { JoinFlags } from './commands/join.ts'
import type { RelayFlags } from './commands/relay.ts'
import type { Output } from './output.ts'
import { spoken } from './stdin.ts'

/** Runs a command with its settings. */
type Within = (command: Command, action: (config: Config, output: Output) => Promise<void>) => Promise<void>

const load = {
  doctor: () => import('./doctor/doctor.ts'),
  friends: () => import('./commands/friends.ts'),
  invite: () => import('./commands/invite.ts'),
  join: () => import('./commands/join.ts'),
  relay: () => import('./commands/relay.ts')
}

/** Adds the commands that are about the mesh itself: relaying, inviting, joining, friends, and what is wrong. */
export function meshCommands(
  root: Command,
  within: Within,
  env: NodeJS.ProcessEnv,
  positive: (text: string) => number
): void {
  root
    .command('relay')
    .description('relay for others, on a machine with a public address: no gateway, no engine')
    .option('--private <name>', 'relay for the private mesh of this name, made where there is none')
    .action((flags: RelayFlags, command: Command) =>
      within(command, async (config, output) => (await load.relay()).relay(config, flags, output))
    )
  root
    .command('invite')
    .description('print an invite to the mesh of this home')
    .option('--name <name>', 'make a private mesh of this name where the home has none')
    .option('--address <multiaddr...>', 'addresses to join by; by default those known')
    .option('--days <n>', 'how long the invite holds (default: 7)', positive)
    .action((flags: InviteFlags, command: Command) =>
      within(command, async (config, output) => (await load.invite()).invite(config, flags, output))
    )
  root
    .command('join')
    .description('join the mesh of an invite, read from a file, from stdin, or asked for')
    .argument('[file]', 'a file that holds the invite, or - for stdin')
    .option('--replace', 'leave the mesh that this home belongs to')
    .action((file: string | undefined, flags: JoinFlags, command: Command) =>
      within(command, async (config, output) => (await load.join()).join(config, file, flags, output))
    )
  root
    .command('leave')
    .description('leave the mesh that this home belongs to')
    .action((_flags, command: Command) =>
      within(command, async (config, output) => (await load.join()).leave(config, output))
    )
  const friends = root.command('friends').description('add, remove and list friends')
  const actions = { add: 'addFriend', remove: 'removeFriend' } as const
  for (const name of ['add', 'remove'] as const) {
    friends
      .command(name)
      .description(name === 'add' ? 'take a peer among the friends' : 'take a peer from among them')
      .argument('<peer>', "the peer's id, which its lobstah-node identity prints, or - to read it from stdin")
      .action((peer: string, _flags, command: Command) =>
        within(command, async (config, output) =>
          (await load.friends())[actions[name]](config, await spoken(peer), output)
        )
      )
  }
  friends
    .command('list')
    .description('print the friends')
    .action((_flags, command: Command) =>
      within(command, async (config, output) => (await load.friends()).listFriends(config, output))
    )
  root
    .command('doctor')
    .description('see what works and what does not, each with what to do')
    .action((_flags, command: Command) =>
      within(command, async (config, output) => (await load.doctor()).doctor(config, env, output))
    )
}
