import { dashboard } from '../dashboard/dashboard.ts'
import { toEnvelope } from '../failures.ts'
import { metrics } from '../metrics/metrics.ts'
import { openapi } from '../openapi/openapi.ts'
import type { Surface } from '../route.ts'
import { explain, explainRecent } from './explain.ts'
import { balance, capacity, health, healthz, mesh, peers, pubkey, version } from './node-status.ts'
import { receipts } from './receipts.ts'

/** The node's own status routes. */
export const node: Surface<'node'> = {
  name: 'node',
  routes: [
    healthz,
    health,
    version,
    balance,
    peers,
    pubkey,
    capacity,
    mesh,
    receipts,
    explainRecent,
    explain,
    metrics,
    openapi,
    dashboard
  ],
  owns: () => false,
  errorDocument: toEnvelope
}
