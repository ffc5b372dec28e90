import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { ChatOptions } from './commands/chat.ts'
import type { InviteFlags } from './commands/invite.ts'
import type { JoinFlags } from './commands/join.ts'
import type { KeyFlags } from './commands/keys.ts'
import type { BalanceGroup } from './commands/ledger.ts'
import type { ReceiptsFilter } from './commands/receipts.ts'
import type { RelayFlags } from './commands/relay.ts'
import { positive, whole } from './flag-numbers.ts'

const BALANCE_GROUPS: BalanceGroup[] = ['peer', 'model', 'day']

const ofPeer = new Option('--peer <id>', 'only orders with this peer')

const peerArgument = {
  name: '<peer>',
  description: 'the peer id, which "lobstah-node identity" prints on that machine; - reads it from stdin'
}

const exportArgument = { name: '<file>', description: 'the export; - reads it from stdin', file: true }

/** Groups of commands, by the word that opens each of their names. */
export const COMMAND_GROUPS: Readonly<Record<string, string>> = {
  friends: 'add, remove and list friends',
  keys: 'add, list and remove API keys for the gateway',
  ledger: 'verify, back up and archive the ledger',
  receipts: 'list, export and verify receipts'
}

/**
 * Every command, in the order of the help. Each loads its code when it runs: libp2p and Fastify take most of a
 * second.
 */
export const COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'identity',
    description: "print this node's peer id",
    run: async ({ config, output }) => (await import('./commands/status.ts')).identity(config, output)
  }),
  command({
    name: 'models',
    description: 'list the models that can be asked now',
    run: async ({ config, output }) => (await import('./commands/status.ts')).models(config, output)
  }),
  command({
    name: 'peers',
    description: 'list the known contributors',
    run: async ({ config, output }) => (await import('./commands/status.ts')).peers(config, output)
  }),
  command<{ by?: BalanceGroup }>({
    name: 'balance',
    description: 'print what this node earned and spent',
    options: [new Option('--by <group>', 'sum by peer, model or day').choices(BALANCE_GROUPS)],
    run: async ({ config, output }, _argument, { by }) =>
      by === undefined
        ? (await import('./commands/status.ts')).balance(config, output)
        : (await import('./commands/ledger.ts')).balanceBy(config, by, output)
  }),
  command<ReceiptsFilter>({
    name: 'receipts list',
    description: 'list the orders with their cost and state',
    options: [ofPeer],
    run: async ({ config, output }, _argument, filter) =>
      (await import('./commands/receipts.ts')).receiptsList(config, filter, output)
  }),
  command({
    name: 'receipts show',
    description: 'print the records of one order',
    argument: { name: '<order>', description: "the order's id; - reads it from stdin" },
    run: async ({ config, output }, order) =>
      (await import('./commands/receipts.ts')).receiptsShow(config, order, output)
  }),
  command<ReceiptsFilter>({
    name: 'receipts export',
    description: 'print each receipt as a line that proves itself',
    options: [ofPeer],
    run: async ({ config, output }, _argument, filter) =>
      (await import('./commands/receipts.ts')).receiptsExport(config, filter, output)
  }),
  command({
    name: 'receipts verify',
    description: "verify an export, this node's or another's",
    argument: exportArgument,
    run: async ({ output }, file) => (await import('./commands/receipts.ts')).receiptsVerify(file, output)
  }),
  command({
    name: 'receipts import-proof',
    description: "store this node's own receipts from an export",
    argument: exportArgument,
    run: async ({ config, output }, file) =>
      (await import('./commands/receipts.ts')).receiptsImport(config, file, output)
  }),
  command({
    name: 'ledger verify',
    description: 'check every entry and name the first bad one',
    options: [new Option('--file <path>', 'an archive or a backup, instead of the ledger itself')],
    run: async ({ config, output }, _argument, { file }: { file?: string }) =>
      file === undefined
        ? (await import('./commands/ledger.ts')).ledgerVerify(config, output)
        : (await import('./commands/ledger.ts')).ledgerVerifyFile(config, file, output)
  }),
  command<{ days?: number }>({
    name: 'ledger archive',
    description:
      'copy the ledger to a new file, and take out of it what is settled and old; stop the node first',
    argument: { name: '<file>', description: 'a file that does not exist yet', file: true },
    options: [
      new Option('--days <n>', 'orders with entries younger than this stay; by default 90').argParser(whole)
    ],
    run: async ({ config, output }, file, flags) =>
      (await import('./commands/ledger.ts')).ledgerArchive(config, file, flags, output)
  }),
  command({
    name: 'ledger backup',
    description: 'copy the ledger to a new file, even while the node runs',
    argument: { name: '<file>', description: 'a file that does not exist yet', file: true },
    run: async ({ config, output }, file) =>
      (await import('./commands/ledger.ts')).ledgerBackup(config, file, output)
  }),
  command<ChatOptions>({
    name: 'chat',
    description: 'ask the running node one question and stream the answer',
    argument: { name: '<question>', description: 'the question; - reads it from stdin' },
    options: [
      new Option('--model <name>', 'the model to ask; by default the first that can chat'),
      new Option('--system <text>', 'a system message'),
      new Option('--max-tokens <n>', 'longest answer, in tokens').argParser(positive),
      new Option('--seed <n>', 'seed for sampling').argParser(whole)
    ],
    run: async ({ config, output }, question, flags) =>
      (await import('./commands/chat.ts')).chat(config, question, flags, output)
  }),
  command<KeyFlags>({
    name: 'keys add',
    description: 'make a key and print it once',
    argument: { name: '<name>', description: 'a name for the key; - reads it from stdin' },
    options: [
      new Option('--models <names>', 'models that it may ask, separated by commas; by default all'),
      new Option('--rate <n/min>', 'requests for answers a minute, such as 60/min'),
      new Option('--spend <credits>', 'credits that it may spend a day')
    ],
    run: async ({ config, output }, name, flags) =>
      (await import('./commands/keys.ts')).addApiKey(config, name, flags, output)
  }),
  command({
    name: 'keys list',
    description: 'list the keys with their limits',
    run: async ({ config, output }) => (await import('./commands/keys.ts')).listApiKeys(config, output)
  }),
  command({
    name: 'keys remove',
    description: 'remove a key',
    argument: { name: '<name>', description: "the key's name; - reads it from stdin" },
    run: async ({ config, output }, name) =>
      (await import('./commands/keys.ts')).removeApiKey(config, name, output)
  }),
  command({
    name: 'demo',
    description: 'run a relay, a contributor and a consumer on this machine and ask one question',
    argument: {
      name: '[question]',
      description: 'the question; - reads it from stdin',
      default: 'What is a mesh?'
    },
    run: async ({ output }, question) => (await import('./commands/demo.ts')).demo(question, output)
  }),
  command<RelayFlags>({
    name: 'relay',
    description: 'relay for others, on a machine with a public address; no gateway, no engine',
    options: [
      new Option('--private <name>', 'relay for the private mesh of this name; makes the mesh if needed')
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/relay.ts')).relay(config, flags, output)
  }),
  command<InviteFlags>({
    name: 'invite',
    description: 'print an invite to the mesh of this home',
    options: [
      new Option('--name <name>', 'make a private mesh of this name if the home has none'),
      new Option('--address <multiaddr...>', 'addresses to join by; by default all known ones'),
      new Option('--days <n>', 'days until the invite expires (default: 7)').argParser(positive),
      new Option('--uses <n>', 'how many peers may join by it (default: any number)').argParser(positive),
      new Option('--by <peer>', 'the owner or admitter that redeems it (default: this node, with --uses)')
    ],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/invite.ts')).invite(config, flags, output)
  }),
  command({
    name: 'invite revoke',
    description: 'let nobody join by an invite any more',
    argument: { name: '<invite>', description: 'its id; - reads the id or the whole invite from stdin' },
    run: async ({ config, output }, invite) =>
      (await import('./commands/members.ts')).revokeInvite(config, invite, output)
  }),
  command({
    name: 'members',
    description: 'list the owners of the private mesh, and the members that joined here',
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
    description: 'let a removed member in again',
    argument: peerArgument,
    run: async ({ config, output }, peer) =>
      (await import('./commands/members.ts')).restoreMember(config, peer, output)
  }),
  command<{ owner?: boolean }>({
    name: 'members promote',
    description: 'let a member let others in',
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
    description: 'join a mesh by an invite from a file, from stdin, or from a prompt',
    argument: { name: '[file]', description: 'a file that holds the invite; - reads stdin', file: true },
    options: [new Option('--replace', 'leave the mesh that this home belongs to')],
    run: async ({ config, output }, file, flags) =>
      (await import('./commands/join.ts')).join(config, file, flags, output)
  }),
  command({
    name: 'mesh',
    description: 'print the mesh that this home belongs to',
    run: async ({ config, output }) => (await import('./commands/join.ts')).showMesh(config, output)
  }),
  command({
    name: 'leave',
    description: 'leave the mesh that this home belongs to',
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
  }),
  command({
    name: 'doctor',
    description: 'check everything that a node needs; name each problem with its remedy',
    run: async ({ config, env, output }) => (await import('./doctor/doctor.ts')).doctor(config, env, output)
  })
]
