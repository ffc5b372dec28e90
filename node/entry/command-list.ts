import { Option } from 'commander'
import { command, type CommandSpec } from './command.ts'
import type { ChatOptions } from './commands/chat.ts'
import type { DashboardFlags } from './commands/dashboard.ts'
import type { KeyFlags } from './commands/keys.ts'
import type { BalanceGroup } from './commands/ledger.ts'
import type { ListFlags, ReceiptsFilter } from './commands/receipts.ts'
import type { StopFlags } from './commands/stop.ts'
import { PEER_COMMANDS } from './peer-command-list.ts'
import { positive, whole } from './flag-numbers.ts'
import { MESH_COMMANDS } from './mesh-command-list.ts'
import { OWNER_COMMANDS } from './owner-command-list.ts'
import { PROGRAM_COMMANDS, SERVICE_COMMANDS } from './program-command-list.ts'

const BALANCE_GROUPS: BalanceGroup[] = ['peer', 'model', 'day']

const ofPeer = new Option('--peer <id>', 'only orders with this peer')

const exportArgument = { name: '<file>', description: 'the export; - reads it from stdin', file: true }

/** Groups of commands, by the first word of their names. */
export const COMMAND_GROUPS: Readonly<Record<string, string>> = {
  config: 'print and keep settings',
  friends: 'add, remove and list friends',
  keys: 'add, list and remove API keys for the gateway',
  limits: 'list and change the limits on what peers get',
  ledger: 'verify, back up and archive the ledger',
  receipts: 'list, export and verify receipts',
  service: 'run a node whenever this machine runs'
}

/** Every command, in help order. Each loads its code when it runs: libp2p and Fastify take most of a second. */
export const COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'status',
    description: 'say how the running node is: version, uptime, peers, what it serves, credits',
    run: async (context) => (await import('./commands/node-status.ts')).nodeStatus(context)
  }),
  command<StopFlags>({
    name: 'stop',
    description: 'stop the running node, however it was started',
    options: [new Option('--now', 'end running answers instead of waiting for them')],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/stop.ts')).stopNode(config, flags, output)
  }),
  command({
    name: 'identity',
    description: "print this node's peer id",
    run: async ({ config, output }) => (await import('./commands/status.ts')).identity(config, output)
  }),
  command({
    name: 'models',
    description: 'list the models that are available now',
    run: async ({ config, output }) => (await import('./commands/status.ts')).models(config, output)
  }),
  ...PEER_COMMANDS,
  command({
    name: 'explain',
    description:
      'show which contributor would answer for a model, or why a recent request went where it went',
    argument: {
      name: '<model or request id>',
      description: 'a model, or the x-request-id of a request; - reads it from stdin'
    },
    run: async ({ config, output }, subject) =>
      (await import('./commands/explain.ts')).explain(config, subject, output)
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
  command<ListFlags>({
    name: 'receipts list',
    description: 'list orders with their cost and state',
    options: [
      ofPeer,
      new Option('--model <name>', 'only orders for this model'),
      new Option('--role <role>', 'only what this node asked, or served').choices(['asked', 'served']),
      new Option('--limit <n>', 'only the newest so many').argParser(positive)
    ],
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
    description: 'print each receipt as a self-proving line',
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
    description: 'check every entry and report the first bad one',
    options: [new Option('--file <path>', 'an archive or a backup, instead of the ledger itself')],
    run: async ({ config, output }, _argument, { file }: { file?: string }) =>
      file === undefined
        ? (await import('./commands/ledger.ts')).ledgerVerify(config, output)
        : (await import('./commands/ledger.ts')).ledgerVerifyFile(config, file, output)
  }),
  command<{ days?: number }>({
    name: 'ledger archive',
    description: 'copy the ledger to a new file and remove old, settled orders from it; stop the node first',
    argument: { name: '<file>', description: 'a file that does not exist yet', file: true },
    options: [
      new Option('--days <n>', 'keep orders that have entries younger than this (default: 90)').argParser(
        whole
      )
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
    description: 'ask the running node a question, or talk with it, and stream the answers',
    argument: {
      name: '[question]',
      description: 'the question, without which a terminal becomes a conversation; - reads it from stdin'
    },
    options: [
      new Option('--model <name>', 'the model to ask (default: the first that can chat)'),
      new Option('--system <text>', 'a system message'),
      new Option('--max-tokens <n>', 'maximum length of the answer, in tokens').argParser(positive),
      new Option('--seed <n>', 'seed for sampling').argParser(whole)
    ],
    run: async ({ config, output }, question, flags) =>
      question === ''
        ? (await import('./commands/conversation.ts')).conversation(config, flags, output)
        : (await import('./commands/chat.ts')).chat(config, question, flags, output)
  }),
  command<DashboardFlags>({
    name: 'dashboard',
    description: "open the running node's dashboard as its owner",
    options: [new Option('--no-open', 'print the address only')],
    run: async ({ config, output }, _argument, flags) =>
      (await import('./commands/dashboard.ts')).dashboard(config, flags, output)
  }),
  command<KeyFlags>({
    name: 'keys add',
    description: 'make a key and print it once',
    argument: { name: '<name>', description: 'a name for the key; - reads it from stdin' },
    options: [
      new Option('--models <names>', 'models the key may ask, separated by commas (default: all)'),
      new Option('--rate <n/min>', 'requests per minute, such as 60/min'),
      new Option('--spend <credits>', 'credits the key may spend per day'),
      new Option(
        '--tier <tier>',
        'the most urgent tier of its requests: interactive (the default), batch or best-effort'
      )
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
  ...OWNER_COMMANDS,
  ...MESH_COMMANDS,
  ...SERVICE_COMMANDS,
  ...PROGRAM_COMMANDS,
  command({
    name: 'completion',
    description: 'print the completion script of a shell',
    argument: { name: '<shell>', description: 'bash, zsh or fish; - reads it from stdin' },
    run: async ({ output }, shell) =>
      (await import('./commands/completion.ts')).completion(shell, COMMANDS, COMMAND_GROUPS, output)
  }),
  command({
    name: 'doctor',
    description: 'check everything a node needs and say how to fix each problem',
    run: async ({ config, env, output }) => (await import('./doctor/doctor.ts')).doctor(config, env, output)
  })
]
