import type { RouteReason } from '../../node/consumer/index.ts'
import type { Route } from '../../protocols/inference/index.ts'

/** The way to the contributor that answers, and why it was asked. */
export interface Routed {
  route: Route | 'last-resort'
  reason?: RouteReason | undefined
}

/** The value of `x-lobstah-route`: its grammar is in the README. Nothing in it is a peer's own text. */
export function routeValue(routed: readonly Routed[]): string {
  return routed
    .map(({ route, reason }) => (reason === undefined ? route : `${route};${said(reason)}`))
    .join(', ')
}

function said({ why, of, tried, link, as }: RouteReason): string {
  return [
    `why=${why}`,
    `of=${of}`,
    ...(tried > 0 ? [`tried=${tried}`] : []),
    ...(link > 1 ? [`link=${link}`] : []),
    ...(as === undefined ? [] : [`as=${as}`])
  ].join(';')
}
