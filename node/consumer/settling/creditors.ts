import type { Startable } from '@libp2p/interface'
import type { Ledger } from '../../ledger/index.ts'

/** Peers that are remembered; a node rarely owes so many. */
const MAX_CREDITORS = 256

/** The peers that this node owed when it started: they are met again, whoever else wants to be. */
export class Creditors implements Startable {
  readonly #ledger: Ledger
  #peers = new Set<string>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  async start(): Promise<void> {
    const { peers } = await this.#ledger.balance()
    const owed = peers.filter(({ net }) => net < 0).toSorted((a, b) => a.net - b.net)
    this.#peers = new Set(owed.slice(0, MAX_CREDITORS).map(({ peer }) => peer))
  }

  stop(): void {
    this.#peers.clear()
  }

  has(peer: string): boolean {
    return this.#peers.has(peer)
  }
}
