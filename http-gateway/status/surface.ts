import { events, history, stop } from '../dashboard/live-routes.ts'
import { command, logs } from '../dashboard/owner-routes.ts'
import { assets, page } from '../dashboard/page.ts'
import { toEnvelope } from '../failures.ts'
import { metrics } from '../metrics/metrics.ts'
import { openapi } from '../openapi/openapi.ts'
import type { Surface } from '../route.ts'
import { explain, explainRecent } from './explain.ts'
import { balance, capacity, health, healthz, mesh, peers, pubkey, version } from './node-status.ts'
import { changeLimits, earnings, limits, pause, resume, serving } from './owner.ts'
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
    serving,
    limits,
    changeLimits,
    pause,
    resume,
    earnings,
    metrics,
    openapi,
    page,
    assets,
    events,
    history,
    stop,
    command,
    logs
  ],
  owns: () => false,
  errorDocument: toEnvelope
}
