/**
 * @packageDocumentation
 *
 * The HTTP surface of a node: OpenAI's API over the {@link Consumer}, and the node's own status routes.
 * `README.md` lists routes, headers, statuses and the security policy.
 *
 * @example
 * ```ts
 * import { gateway } from './index.ts'
 *
 * const http = gateway({ port: 0 })({ consumer, ledger, identity, capacity, addresses, logger })
 * await http.start()
 * console.log(`${http.url}/v1`)
 * await http.stop()
 * ```
 */
import { HttpGateway } from './gateway.ts'
import type { Gateway, GatewayComponents, GatewayInit } from './types.ts'

export { GatewayListenError, GatewayApiKeyRequiredError, GatewayNotStartedError } from './errors.ts'
export * from './keys/index.ts'
export { explanationsAnswer, peersAnswer } from './openapi/answers.ts'
export { DashboardCommandError } from './dashboard/errors.ts'
export * from './limits-desk.ts'
export { GatewayTlsError } from './tls.ts'
export type {
  CommandOutcome,
  Gateway,
  GatewayComponents,
  GatewayInit,
  GatewayLogger,
  OwnerCommand,
  OwnerDesk
} from './types.ts'

/** An HTTP gateway over a consumer. */
export function gateway(init: GatewayInit = {}): (components: GatewayComponents) => Gateway {
  return (components) => new HttpGateway(init, components)
}
