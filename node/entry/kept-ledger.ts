import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { loadOrCreateIdentity } from '../identity/index.ts'
import { ledger, type Ledger } from '../ledger/index.ts'

/** Opens the home's ledger, also while a node writes it, for as long as `use` takes. */
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
