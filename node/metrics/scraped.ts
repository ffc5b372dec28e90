import { stat } from 'node:fs/promises'
import type { Connection } from '@libp2p/interface'
import { Gauge, type Registry } from 'prom-client'
import type { Tier } from '../../protocols/index.ts'
import { routeOf } from '../discovery/index.ts'

/** Reports how busy the engine is, at each scrape. */
export function watchCapacity(
  registry: Registry,
  capacity: () => { slots: number; active: number; tiers: Record<Tier, number> }
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
  gauge(
    'lobstah_contributor_slots',
    'Requests that the engine can answer at the same time.',
    () => capacity().slots
  )
  gauge('lobstah_contributor_active_requests', 'Requests in flight on the engine.', () => capacity().active)
  new Gauge({
    name: 'lobstah_contributor_queued_requests',
    help: 'Requests that wait for a slot, by tier.',
    labelNames: ['tier'],
    registers: [registry],
    collect() {
      for (const [tier, count] of Object.entries(capacity().tiers)) this.set({ tier }, count)
    }
  })
}

/** Reports the balance with all peers together, at each scrape. */
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

/** Reports the size of the ledger at each scrape; only archiving makes it smaller. */
export function watchLedgerSize(registry: Registry, file: string): void {
  new Gauge({
    name: 'lobstah_ledger_bytes',
    help: 'Size of the ledger on disk, including its write-ahead log.',
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

/** Counts peers, connections and streams at each scrape. */
export function watchLibp2p(
  registry: Registry,
  libp2p: { getPeers(): unknown[]; getConnections(): Connection[] }
): void {
  new Gauge({
    name: 'lobstah_libp2p_peers',
    help: 'Connected peers.',
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
