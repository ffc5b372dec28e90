import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { InviteFlags } from './commands/invite.ts'
import type { JoinFlags } from './commands/join.ts'
import type { RelayFlags } from './commands/relay.ts'
import { positive } from './flag-numbers.ts'

const peerArgument = {
  name: '<peer>',
  description: 'the peer id (run "lobstah-node identity" on that machine); - reads it from stdin'
}

/** The commands for a mesh and its members, in help order. */
export const MESH_COMMANDS: readonly CommandSpec[] = [
  command<RelayFlags>({
    name: 'relay',
    description: 'run a relay on a machine with a public address, without gateway or engine',
    options: [
      new Option('--private <name>', 'relay for the private mesh of this name, creating it if needed')
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/relay.ts')).relay(config, flags, output)
  }),
  command<InviteFlags>({
    name: 'invite',
    description: 'print an invite to this mesh',
    options: [
      new Option('--name <name>', 'create a private mesh of this name if there is none yet'),
      new Option('--address <multiaddr...>', 'addresses to join through (default: all known ones)'),
      new Option('--days <n>', 'days until the invite expires (default: 7)').argParser(positive),
      new Option('--uses <n>', 'how many peers may use it (default: any number)').argParser(positive),
      new Option('--by <peer>', 'the owner or admitter that redeems it (default: this node, with --uses)')
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/invite.ts')).invite(config, flags, output)
  }),
  command({
    name: 'invite revoke',
    description: 'revoke an invite',
    argument: { name: '<invite>', description: 'its id; - reads the id or the whole invite from stdin' },
    run: async ({ config, output }, invite) =>
      (await import('./commands/members.ts')).revokeInvite(config, invite, output)
  }),
  command({
    name: 'members',
    description: 'list the owners of the private mesh and the members that joined through this node',
    run: async ({ config, output }) => (await import('./commands/members.ts')).listMembers(config, output)
  }),
  command({
    name: 'members remove',
    description: 'remove a member from the private mesh',
    argument: peerArgument,
    run: async ({ config, output }, peer) =>
      (await import('./commands/members.ts')).removeMember(config, peer, output)
  }),
  command({
    name: 'members restore',
    description: 'let a removed member back in',
    argument: peerArgument,
    run: async ({ config, output }, peer) =>
      (await import('./commands/members.ts')).restoreMember(config, peer, output)
  }),
  command<{ owner?: boolean }>({
    name: 'members promote',
    description: 'allow a member to invite others',
    argument: peerArgument,
    options: [new Option('--owner', 'make it an owner, who may also remove members and rotate the key')],
    run: async ({ config, output }, peer, flags) =>
      (await import('./commands/members.ts')).promoteMember(config, peer, flags, output)
  }),
  command({
    name: 'members rotate',
    description: "replace the private mesh's key",
    run: async ({ config, output }) => (await import('./commands/members.ts')).rotateKey(config, output)
  }),
  command<JoinFlags>({
    name: 'join',
    description: 'join a mesh with an invite from a file, stdin or a prompt',
    argument: { name: '[file]', description: 'a file that holds the invite; - reads stdin', file: true },
    options: [new Option('--replace', 'leave the current mesh')],
    run: async ({ config, output }, file, flags) =>
      (await import('./commands/join.ts')).join(config, file, flags, output)
  }),
  command({
    name: 'mesh',
    description: 'print the current mesh',
    run: async ({ config, output }) => (await import('./commands/join.ts')).showMesh(config, output)
  }),
  command({
    name: 'leave',
    description: 'leave the current mesh',
    run: async ({ config, output }) => (await import('./commands/join.ts')).leave(config, output)
  }),
  command({
    name: 'friends add',
    description: 'add a friend',
    argument: peerArgument,
    run: async ({ config, output }, peer) =>
      (await import('./commands/friends.ts')).addFriend(config, peer, output)
  }),
  command({
    name: 'friends remove',
    description: 'remove a friend',
    argument: peerArgument,
    run: async ({ config, output }, peer) =>
      (await import('./commands/friends.ts')).removeFriend(config, peer, output)
  }),
  command({
    name: 'friends list',
    description: 'list the friends',
    run: async ({ config, output }) => (await import('./commands/friends.ts')).listFriends(config, output)
  })
]
