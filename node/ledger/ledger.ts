import { LedgerClosedError, fromMessage, toLedgerError, type ErrorMessage } from './errors.ts'
import type {
  Balance,
  Deal,
  DealListOptions,
  EarningsOptions,
  EarningsRow,
  Ledger,
  LedgerComponents,
  LedgerEntry,
  LedgerInit,
  LedgerListOptions,
  LedgerRecord,
  PeerBalance,
  VerifyReport
} from './index.ts'
import type { UnseenBounds } from './unseen.ts'
import { WorkerCalls, type LedgerCalls } from './worker-calls.ts'

/** Most appends that go into one transaction. */
const MAX_GROUP = 1000

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

interface PendingAppend {
  records: LedgerRecord[]
  done: PromiseWithResolvers<void>
}

/**
 * The ledger, as the main thread sees it. Appends that come while a transaction is being written wait, and go
 * into the next one together: a commit costs one sync of the disk however many it carries.
 */
export class SqliteLedger implements Ledger {
  readonly #init: LedgerInit
  readonly #peer: string
  readonly #now: () => number
  readonly #onGroup: ((appends: number) => void) | undefined
  readonly #script: URL
  #calls: WorkerCalls<LedgerCalls> | undefined
  #changing: Promise<void> = Promise.resolve()
  #pending: PendingAppend[] = []
  #draining: Promise<void> | undefined
  #balances = new Map<string, PeerBalance>()

  constructor(init: LedgerInit, components: LedgerComponents, script: URL = WORKER) {
    this.#init = init
    this.#peer = components.peer
    this.#now = components.now ?? Date.now
    this.#onGroup = components.onGroup
    this.#script = script
  }

  async start(): Promise<void> {
    await this.#change(async () => {
      if (this.#calls?.ended === false) return
      const calls = new WorkerCalls<LedgerCalls>(
        this.#script,
        `The thread that writes the ledger ${this.#init.file} ended`
      )
      try {
        const { file, readOnly = false } = this.#init
        const balances = await calls.call('open', { file, readOnly, owner: this.#peer })
        this.#balances = new Map(balances.map((balance) => [balance.peer, balance]))
        this.#calls = calls
      } catch (err) {
        await calls.end()
        throw err
      }
    })
  }

  async stop(): Promise<void> {
    await this.#change(async () => {
      const calls = this.#calls
      this.#calls = undefined
      if (calls === undefined) return
      try {
        await this.#draining
        if (!calls.ended) await calls.call('close')
      } finally {
        await calls.end()
      }
    })
  }

  async append(records: LedgerRecord[]): Promise<void> {
    const calls = this.#opened()
    if (this.#init.readOnly === true) {
      throw new LedgerClosedError(`The ledger ${this.#init.file} is open for reading only`)
    }
    const done: PromiseWithResolvers<void> = Promise.withResolvers()
    this.#pending.push({ records, done })
    this.#draining ??= this.#drain(calls)
    await done.promise
  }

  owedBy(peer: string): number {
    const balance = this.#balances.get(peer)
    return balance === undefined ? 0 : balance.net + balance.claimed
  }

  owedTogether(of: (peer: string) => boolean, also: ReadonlyMap<string, number> = new Map()): number {
    let sum = 0
    for (const peer of new Set([...this.#balances.keys(), ...also.keys()])) {
      const owed = this.owedBy(peer) + (also.get(peer) ?? 0)
      if (owed > 0 && of(peer)) sum += owed
    }
    return sum
  }

  async hasOrder(id: string): Promise<boolean> {
    return await this.#opened().call('hasOrder', id)
  }

  async balance(): Promise<Balance> {
    return await this.#opened().call('balance')
  }

  async list(options: LedgerListOptions = {}): Promise<LedgerEntry[]> {
    return await this.#opened().call('list', options)
  }

  async deals(options: DealListOptions = {}): Promise<Deal[]> {
    return await this.#opened().call('deals', options)
  }

  async claims(peer: string, { after, limit }: { after: string; limit: number }): Promise<Deal[]> {
    return await this.#opened().call('claims', peer, after, limit)
  }

  async dispute(order: string, peer: string, reason: string): Promise<void> {
    await this.#opened().call('dispute', order, peer, reason)
  }

  async takeUnseen(peer: string, credits: number, bounds: UnseenBounds): Promise<boolean> {
    return await this.#opened().call('takeUnseen', peer, credits, this.#now(), bounds)
  }

  async earnings(options: EarningsOptions): Promise<EarningsRow[]> {
    return await this.#opened().call('earnings', options)
  }

  async backup(file: string): Promise<void> {
    await this.#opened().call('backup', file)
  }

  async verify(): Promise<VerifyReport> {
    return await this.#opened().call('verify')
  }

  #refusal(refusal: ErrorMessage): Error {
    return fromMessage({
      ...refusal,
      message: `The ledger ${this.#init.file} stored nothing: ${refusal.message}`
    })
  }

  #opened(): WorkerCalls<LedgerCalls> {
    if (this.#calls !== undefined) return this.#calls
    throw new LedgerClosedError(`The ledger ${this.#init.file} is not started`)
  }

  /** Starts and stops one after the other, in the order they were asked for. */
  async #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change)
    this.#changing = changed.catch(() => undefined)
    await changed
  }

  /** Writes what is pending, group after group. Never rejects: each append is told on its own. */
  async #drain(calls: WorkerCalls<LedgerCalls>): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, MAX_GROUP)
      try {
        const at = this.#now()
        const { refusals, balances } = await calls.call(
          'append',
          group.map(({ records }) => ({ at, records }))
        )
        for (const balance of balances) this.#balances.set(balance.peer, balance)
        this.#onGroup?.(group.length)
        for (const [index, { done }] of group.entries()) {
          const refusal = refusals[index]
          if (refusal == null) done.resolve()
          else done.reject(this.#refusal(refusal))
        }
      } catch (err) {
        for (const { done } of group) done.reject(toLedgerError(err, this.#init.file))
      }
    }
    this.#draining = undefined
  }
}
