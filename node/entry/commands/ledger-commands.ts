import { Option, type Command } from 'commander'
import type { Config } from '../../config/index.ts'
import type { Output } from '../output.ts'
import { spoken } from '../stdin.ts'
import type { BalanceGroup } from './ledger.ts'
import type { ReceiptsFilter } from './receipts.ts'

type Within = (command: Command, action: (config: Config, output: Output) => Promise<void>) => Promise<void>

const BALANCE_GROUPS: BalanceGroup[] = ['peer', 'model', 'day']

const load = {
  ledger: () => import('./ledger.ts'),
  receipts: () => import('./receipts.ts'),
  status: () => import('./status.ts')
}

/** Adds the commands that read the ledger: `balance`, `receipts` and `ledger`. */
export function addLedgerCommands(root: Command, within: Within): void {
  root
    .command('balance')
    .description('print what was earned and spent')
    .addOption(new Option('--by <group>', 'sums by peer, by model or by day').choices(BALANCE_GROUPS))
    .action(({ by }: { by?: BalanceGroup }, command: Command) =>
      within(command, async (config, output) =>
        by === undefined
          ? (await load.status()).balance(config, output)
          : (await load.ledger()).balanceBy(config, by, output)
      )
    )
  const receipts = root.command('receipts').description('list, export and verify receipts')
  receipts
    .command('list')
    .description('print the orders, and what their receipts come to')
    .option('--peer <id>', 'only those with this peer')
    .action((filter: ReceiptsFilter, command: Command) =>
      within(command, async (config, output) =>
        (await load.receipts()).receiptsList(config, only(filter), output)
      )
    )
  receipts
    .command('show')
    .description('print the records of one order')
    .argument('<order>', "the order's id, or - to read it from stdin")
    .action((order: string, _flags, command: Command) =>
      within(command, async (config, output) =>
        (await load.receipts()).receiptsShow(config, await spoken(order), output)
      )
    )
  receipts
    .command('export')
    .description('print a line for each receipt that proves it by itself')
    .option('--peer <id>', 'only those with this peer')
    .action((filter: ReceiptsFilter, command: Command) =>
      within(command, async (config, output) =>
        (await load.receipts()).receiptsExport(config, only(filter), output)
      )
    )
  receipts
    .command('verify')
    .description('verify an export, of whomever')
    .argument('<file>', 'the export, or - to read it from stdin')
    .action((file: string, _flags, command: Command) =>
      within(command, async (_config, output) => (await load.receipts()).receiptsVerify(file, output))
    )
  receipts
    .command('import-proof')
    .description("keep an export's receipts that are this node's own")
    .argument('<file>', 'the export, or - to read it from stdin')
    .action((file: string, _flags, command: Command) =>
      within(command, async (config, output) => (await load.receipts()).receiptsImport(config, file, output))
    )
  const ledger = root.command('ledger').description('verify and back up the ledger')
  ledger
    .command('verify')
    .description('check every entry, and name the first that is bad')
    .action((_flags, command: Command) =>
      within(command, async (config, output) => (await load.ledger()).ledgerVerify(config, output))
    )
  ledger
    .command('backup')
    .description('copy the ledger as it stands, also while the node runs')
    .argument('<file>', 'a file that is not there yet')
    .action((file: string, _flags, command: Command) =>
      within(command, async (config, output) => (await load.ledger()).ledgerBackup(config, file, output))
    )
}

function only({ peer }: ReceiptsFilter): ReceiptsFilter {
  return peer === undefined ? {} : { peer }
}
