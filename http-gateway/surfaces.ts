import type { IncomingHttpHeaders } from 'node:http'
import { anthropic } from './anthropic/surface.ts'
import { ollama } from './ollama/surface.ts'
import { openai } from './openai/surface.ts'
import type { Surface, SurfaceName } from './route.ts'
import type { RegisteredRoute } from './route-table.ts'
import { node } from './status/surface.ts'

/** Every API that the gateway speaks. A new one is a name in `route.ts` and an entry here. */
export const SURFACES: { readonly [Name in SurfaceName]: Surface<Name> } = {
  openai,
  anthropic,
  ollama,
  node
}

/** The surface in whose words errors are told: the path's owner, or by its version header Anthropic, or OpenAI. */
export function surfaceOf(url: string, headers: IncomingHttpHeaders = {}): Surface {
  const path = url.replace(/[?#].*$/, '').replace(/\/{2,}/g, '/')
  if (headers['anthropic-version'] !== undefined && path.startsWith('/v1/')) return SURFACES.anthropic
  return Object.values(SURFACES).find((surface) => surface.owns(path)) ?? SURFACES.openai
}

/** The routes of every surface. */
export function* allRoutes(): Generator<RegisteredRoute> {
  for (const { name, routes } of Object.values(SURFACES)) {
    for (const route of routes) yield { surface: name, route }
  }
}
