import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { loadOrCreateIdentity } from '../identity/index.ts'
import { archiveLedger, ledger, type ArchiveReport, type Ledger } from '../ledger/index.ts'
import { CommandError, EXIT, HomeInUseError } from './errors.ts'
import { openDatastore } from './home-lock.ts'

/** Reads the home's ledger, also while a node writes it, for as long as `use` takes. */
export async function withLedger<T>(
  config: Config,
  use: (book: Ledger, peer: string) => Promise<T>,
  options: { readOnly: boolean } = { readOnly: true }
): Promise<T> {
  const { peerId } = await loadOrCreateIdentity(join(config.home, 'identity.key'))
  const peer = peerId.toString()
  const book = ledger({ file: join(config.home, 'ledger.sqlite'), ...options })({ peer })
  await book.start()
  try {
    return await use(book, peer)
  } finally {
    await book.stop()
  }
}

/**
 * The same to write to it. Throws CommandError while a node runs on the home: what its peers owe it, it knows
 * from its start and its own entries.
 */
export async function withLedgerAlone<T>(
  config: Config,
  use: (book: Ledger, peer: string) => Promise<T>
): Promise<T> {
  const lock = await lockHome(config.home)
  try {
    return await withLedger(config, use, { readOnly: false })
  } finally {
    await lock.close()
  }
}

/** Archives the home's ledger: see {@link archiveLedger}. Throws CommandError while a node runs on the home. */
export async function archiveAlone(config: Config, archive: string, before: number): Promise<ArchiveReport> {
  const lock = await lockHome(config.home)
  try {
    const { peerId } = await loadOrCreateIdentity(join(config.home, 'identity.key'))
    const file = join(config.home, 'ledger.sqlite')
    return await archiveLedger({ file, archive, owner: peerId.toString(), before })
  } finally {
    await lock.close()
  }
}

async function lockHome(home: string): ReturnType<typeof openDatastore> {
  try {
    return await openDatastore(home)
  } catch (err) {
    if (!(err instanceof HomeInUseError)) throw err
    throw new CommandError(
      `A lobstah-node is running on ${home} and using its ledger. Stop it and try again.`,
      EXIT.usage,
      { cause: err }
    )
  }
}
