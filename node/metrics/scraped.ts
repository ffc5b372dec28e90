import { stat } from 'node:fs/promises'
import type { Connection } from '@libp2p/interface'
import { Gauge, type Registry } from 'prom-client'
import { routeOf } from '../discovery/index.ts'

/** How busy an engine is, asked at each scrape. */
export function watchCapacity(
  registry: Registry,
  capacity: () => { slots: number; active: number; queued: number }
): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      }
    })
  }
  gauge('lobstah_contributor_slots', 'Requests that the engine answers at once.', () => capacity().slots)
  gauge('lobstah_contributor_active_requests', 'Requests being answered.', () => capacity().active)
  gauge('lobstah_contributor_queued_requests', 'Requests that wait for a slot.', () => capacity().queued)
}

/** What this node and all peers have between them, asked at each scrape. */
export function watchBalance(
  registry: Registry,
  ledger: { balance(): Promise<{ earned: number; spent: number; claimed: number }> }
): void {
  new Gauge({
    name: 'lobstah_ledger_balance_microcredits',
    help: 'Micro-credits with all peers together: earned, spent, and claimed but not acknowledged.',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      const { earned, spent, claimed } = await ledger.balance()
      this.set({ kind: 'earned' }, earned)
      this.set({ kind: 'spent' }, spent)
      this.set({ kind: 'claimed' }, claimed)
    }
  })
}

/** How large the ledger has grown, asked at each scrape: it only grows, until it is archived. */
export function watchLedgerSize(registry: Registry, file: string): void {
  new Gauge({
    name: 'lobstah_ledger_bytes',
    help: 'Size of the ledger on disk, its write-ahead log included.',
    registers: [registry],
    async collect() {
      const sizes = [file, `${file}-wal`].map((path) =>
        stat(path).then(
          ({ size }) => size,
          () => 0
        )
      )
      this.set((await Promise.all(sizes)).reduce((sum, size) => sum + size, 0))
    }
  })
}

const DIRECTIONS = ['inbound', 'outbound'] as const
const PATHS = ['direct', 'relayed'] as const

/** Peers, connections and streams, counted at each scrape. */
export function watchLibp2p(
  registry: Registry,
  libp2p: { getPeers(): unknown[]; getConnections(): Connection[] }
): void {
  new Gauge({
    name: 'lobstah_libp2p_peers',
    help: 'Peers that are connected.',
    registers: [registry],
    collect() {
      this.set(libp2p.getPeers().length)
    }
  })
  new Gauge({
    name: 'lobstah_libp2p_connections',
    help: 'Open connections, by direction and by path: direct or relayed.',
    labelNames: ['direction', 'path'],
    registers: [registry],
    collect() {
      const open = libp2p.getConnections()
      for (const direction of DIRECTIONS) {
        for (const path of PATHS) {
          const count = open.filter((one) => one.direction === direction && routeOf(one) === path).length
          this.set({ direction, path }, count)
        }
      }
    }
  })
  new Gauge({
    name: 'lobstah_libp2p_streams',
    help: 'Open streams, by direction.',
    labelNames: ['direction'],
    registers: [registry],
    collect() {
      const streams = libp2p.getConnections().flatMap((connection) => connection.streams)
      for (const direction of DIRECTIONS)
        this.set({ direction }, streams.filter((stream) => stream.direction === direction).length)
    }
  })
}
