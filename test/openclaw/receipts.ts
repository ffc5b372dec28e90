import { join } from 'node:path'
import assert from 'node:assert/strict'
import { readHomeToken } from '../../http-gateway/index.ts'
import { ledger } from '../../node/ledger/index.ts'

/** The orders that a ledger holds a receipt for; nobody may be running on the home. */
export async function receiptsIn(home: string, peer: string): Promise<Set<string>> {
  const book = ledger({ file: join(home, 'ledger.sqlite'), readOnly: true })({ peer })
  await book.start()
  try {
    const { entries, firstBad } = await book.verify()
    assert.equal(firstBad, undefined, `the ledger in ${home} is bad`)
    const kept = await book.list({ limit: Math.max(1, entries) })
    return new Set(kept.filter(({ kind }) => kind === 'receipt').map(({ order }) => order))
  } finally {
    await book.stop()
  }
}

/** The orders that the node running on a home has a receipt for, by its gateway. */
export async function receiptsAt(url: string, home: string): Promise<Set<string>> {
  const headers = { authorization: `Bearer ${(await readHomeToken(home)) ?? ''}` }
  const response = await fetch(`${url}/receipts?limit=1000`, { headers })
  const { entries } = (await response.json()) as { entries: { kind: string; order: string }[] }
  return new Set(entries.filter(({ kind }) => kind === 'receipt').map(({ order }) => order))
}
