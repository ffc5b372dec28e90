import type { Calls } from './answer/calls.ts'
import type { PdfReader } from './documents/index.ts'
import type { GatewayComponents, GatewayInit } from './types.ts'
import type { OwnRequests } from './activity/own-requests.ts'
import type { Subscribers } from './dashboard/subscribers.ts'
import type { Keys } from './keys/index.ts'
import type { RecentItems } from './openai/recent-items.ts'
import type { RouteTable } from './route-table.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { JobLimits } from './jobs/limits.ts'
import type { GatewayMetrics } from './metrics/gateway-metrics.ts'

type Optional = 'keysFile' | 'spendingFile' | 'token' | 'certFile' | 'keyFile'

/** The settings with defaults filled in. */
export type GatewaySettings = Required<Omit<GatewayInit, Optional | 'jobLimits'>> &
  Pick<GatewayInit, Optional> & { jobLimits: JobLimits }

/** The collaborators of every route. */
export interface GatewayContext {
  components: GatewayComponents
  settings: GatewaySettings
  calls: Calls
  keys: Keys
  ownRequests: OwnRequests
  /** The dashboard's pages. */
  subscribers: Subscribers
  metrics: GatewayMetrics
  pdfs: Pick<PdfReader, 'read'>
  recentItems: RecentItems
  /** Kept work, such as batches; undefined where nothing is kept. */
  jobs: Jobs | undefined
  /** Every route that the gateway answers. */
  routes: RouteTable
}
