import { join, resolve } from 'node:path'
import type { Config } from '../../config/index.ts'
import { CommandError } from '../errors.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import { verifyCopy } from '../../ledger/index.ts'
import { archiveAlone, withLedger } from '../kept-ledger.ts'
import { table, type Output } from '../output.ts'
import { allDeals } from './receipts.ts'
import { AMOUNTS, amountCells } from './status.ts'

/** Groups of `balance --by`. */
export type BalanceGroup = 'peer' | 'model' | 'day'

/** Checks every entry of the ledger. Throws CommandError naming the first that is not as it was written. */
export async function ledgerVerify(config: Config, output: Output): Promise<void> {
  const start = performance.now()
  const { entries, firstBad } = await withLedger(config, (book) => book.verify())
  const seconds = (performance.now() - start) / 1000
  if (firstBad !== undefined) {
    const where = firstBad.index === null ? 'A balance' : `Entry ${firstBad.index}`
    throw new CommandError(
      `${where} of the ledger is bad: ${firstBad.reason}. Stop the node, move ledger.sqlite, ledger.sqlite-wal and ledger.sqlite-shm out of its home, copy a backup to ledger.sqlite, and import proofs.`
    )
  }
  output.result({ entries }, () => {
    const rate = Math.round(entries / seconds).toLocaleString('en-US')
    return `All ${entries.toLocaleString('en-US')} entries of the ledger verify (${seconds.toFixed(1)} s, ${rate} a second).`
  })
}

/** Copies the ledger as it stands to a new file, also while a node writes it. */
export async function ledgerBackup(config: Config, file: string, output: Output): Promise<void> {
  const path = resolve(file)
  await withLedger(config, (book) => book.backup(path))
  output.result({ file: path }, () => `The ledger is copied to ${path}.`)
}

const DAY_MS = 86_400_000

/** Copies the ledger to an archive, and takes out of it what is settled and older than so many days. */
export async function ledgerArchive(
  config: Config,
  file: string,
  { days = 90 }: { days?: number },
  output: Output
): Promise<void> {
  const path = resolve(file)
  const report = await archiveAlone(config, path, Date.now() - days * DAY_MS)
  output.result({ file: path, ...report }, () =>
    report.orders === 0
      ? `The ledger is copied to ${path}. No settled order is older than ${days} days, so nothing was removed.`
      : `The ledger was copied to ${path}, and the copy verifies. ${report.entries} entries of ${report.orders} settled orders are now in the archive only; ${report.left} stay. Keep the archive: it is the only proof of those orders.`
  )
}

/** Checks every entry of an archive, or of a backup. */
export async function ledgerVerifyFile(config: Config, file: string, output: Output): Promise<void> {
  const { peerId } = await loadOrCreateIdentity(join(config.home, 'identity.key'))
  const entries = await verifyCopy(resolve(file), peerId.toString())
  output.result({ entries }, () => `All ${entries.toLocaleString('en-US')} entries of ${file} verify.`)
}

interface Sums {
  earned: number
  spent: number
  claimed: number
  disputed: number
}

/** Prints what was earned and spent by peer, by model, or by day of the order (UTC). */
export async function balanceBy(config: Config, group: BalanceGroup, output: Output): Promise<void> {
  const groups = new Map<string, Sums>()
  await withLedger(config, async (book, me) => {
    for await (const { order, receipt, acknowledged, dispute } of allDeals(book)) {
      const { model } = JSON.parse(order.record.payload) as { model: string }
      const served = order.contributor === me
      const peer = served ? order.consumer : order.contributor
      const key = { peer, model, day: new Date(order.at).toISOString().slice(0, 10) }[group]
      const sums = groups.get(key) ?? { earned: 0, spent: 0, claimed: 0, disputed: 0 }
      groups.set(key, sums)
      const due = acknowledged?.credits ?? 0
      if (served) sums.earned += due
      else sums.spent += due
      const claimed = served ? Math.max(0, (receipt?.credits ?? 0) - due) : 0
      sums.claimed += claimed
      if (dispute !== null) sums.disputed += claimed
    }
  })
  const rows = [...groups]
    .map(([key, sums]) => ({ key, ...sums, net: sums.earned - sums.spent }))
    .toSorted((a, b) => a.key.localeCompare(b.key))
  const named = rows.map(({ key, ...sums }) => ({ [group]: key, ...sums }))
  output.result(named, () =>
    table([[group.toUpperCase(), ...AMOUNTS], ...rows.map((row) => [row.key, ...amountCells(row)])])
  )
}
