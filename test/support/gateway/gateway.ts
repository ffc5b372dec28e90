import type { LedgerEntry, LedgerListOptions } from '../../../node/ledger/index.ts'
import {
  gateway,
  type Gateway,
  type GatewayComponents,
  type GatewayInit
} from '../../../http-gateway/index.ts'
import { StubConsumer } from './stub-consumer.ts'
import { stubOwner } from './stub-owner.ts'

export interface LogLine {
  level: string
  message: string
  fields?: Record<string, unknown>
}

export interface TestGateway {
  http: Gateway
  consumer: StubConsumer
  log: LogLine[]
  /** The options of each `ledger.list` call. */
  listings: LedgerListOptions[]
  entries: LedgerEntry[]
}

/** A gateway on a free port over a stub consumer and an empty ledger; not started. */
export function testGateway(
  init: GatewayInit = {},
  others: Pick<GatewayComponents, 'pdfs' | 'jobs'> & Partial<Pick<GatewayComponents, 'owner'>> = {}
): TestGateway {
  const consumer = new StubConsumer()
  const log: LogLine[] = []
  const listings: LedgerListOptions[] = []
  const entries: LedgerEntry[] = []
  const line = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    log.push({ level, message, ...(fields === undefined ? {} : { fields }) })
  }
  const http = gateway({ port: 0, drainMs: 0, ...init })({
    consumer,
    ledger: {
      balance: async () => ({ earned: 5, spent: 3, claimed: 1, net: 2, peers: [] }),
      list: async (options = {}) => {
        listings.push(options)
        return entries.slice(0, options.limit)
      }
    },
    identity: { peer: '12D3KooWSelf', publicKey: 'a2V5' },
    capacity: () => ({ contributing: true, slots: 2, active: 1, queued: 0, models: ['tiny:latest'] }),
    mesh: () => ({ joins: true, connected: 3, meeting: 1 }),
    owner: stubOwner(),
    addresses: () => ['/ip4/127.0.0.1/tcp/4001'],
    logger: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    ...others
  })
  return { http, consumer, log, listings, entries }
}
