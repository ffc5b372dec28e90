import { Option, type Command } from 'commander'
import type { Config } from '../../config/index.ts'
import type { Output } from '../output.ts'
import { spoken } from '../stdin.ts'
import { BALANCE_GROUPS, balanceBy, ledgerBackup, ledgerVerify, type BalanceGroup } from './ledger.ts'
import {
  receiptsExport,
  receiptsImport,
  receiptsList,
  receiptsShow,
  receiptsVerify,
  type ReceiptsFilter
} from './receipts.ts'
import { balance } from './status.ts'

type Within = (command: Command, action: (config: Config, output: Output) => Promise<void>) => Promise<void>

/** Adds the commands that read the ledger: `balance`, `receipts` and `ledger`. */
export function addLedgerCommands(root: Command, within: Within): void {
  root
    .command('balance')
    .description('print what was earned and spent')
    .addOption(new Option('--by <group>', 'sums by peer, by model or by day').choices(BALANCE_GROUPS))
    .action(({ by }: { by?: BalanceGroup }, command: Command) =>
      within(command, (config, output) =>
        by === undefined ? balance(config, output) : balanceBy(config, by, output)
      )
    )
  const receipts = root.command('receipts').description('list, export and verify receipts')
  receipts
    .command('list')
    .description('print the orders, and what their receipts come to')
    .option('--peer <id>', 'only those with this peer')
    .action((filter: ReceiptsFilter, command: Command) =>
      within(command, (config, output) => receiptsList(config, only(filter), output))
    )
  receipts
    .command('show')
    .description('print the records of one order')
    .argument('<order>', "the order's id, or - to read it from stdin")
    .action((order: string, _flags, command: Command) =>
      within(command, async (config, output) => receiptsShow(config, await spoken(order), output))
    )
  receipts
    .command('export')
    .description('print a line for each receipt that proves it by itself')
    .option('--peer <id>', 'only those with this peer')
    .action((filter: ReceiptsFilter, command: Command) =>
      within(command, (config, output) => receiptsExport(config, only(filter), output))
    )
  receipts
    .command('verify')
    .description('verify an export, of whomever')
    .argument('<file>', 'the export, or - to read it from stdin')
    .action((file: string, _flags, command: Command) =>
      within(command, (_config, output) => receiptsVerify(file, output))
    )
  receipts
    .command('import-proof')
    .description("keep an export's receipts that are this node's own")
    .argument('<file>', 'the export, or - to read it from stdin')
    .action((file: string, _flags, command: Command) =>
      within(command, (config, output) => receiptsImport(config, file, output))
    )
  const ledger = root.command('ledger').description('verify and back up the ledger')
  ledger
    .command('verify')
    .description('check every entry, and name the first that is bad')
    .action((_flags, command: Command) => within(command, ledgerVerify))
  ledger
    .command('backup')
    .description('copy the ledger as it stands, also while the node runs')
    .argument('<file>', 'a file that is not there yet')
    .action((file: string, _flags, command: Command) =>
      within(command, (config, output) => ledgerBackup(config, file, output))
    )
}

function only({ peer }: ReceiptsFilter): ReceiptsFilter {
  return peer === undefined ? {} : { peer }
}
