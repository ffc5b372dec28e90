import type { Calls } from './answer/calls.ts'
import type { GatewayComponents, GatewayInit } from './index.ts'

/** What every surface is registered with. */
export interface GatewayContext {
  components: GatewayComponents
  settings: Required<GatewayInit>
  calls: Calls
}
