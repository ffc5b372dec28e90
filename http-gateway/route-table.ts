import type { Route, SurfaceName } from './route.ts'

/** A route with the surface that it belongs to. */
export interface RegisteredRoute {
  surface: SurfaceName
  route: Route
}

/** The routes of a gateway, by which a wrong method is told from a wrong path. */
export class RouteTable {
  readonly #routes: RegisteredRoute[]

  constructor(routes: Iterable<RegisteredRoute>) {
    this.#routes = [...routes]
  }

  all(): readonly RegisteredRoute[] {
    return this.#routes
  }

  /** The methods that a URL answers; none when there is no such path. */
  methods(url: string): string[] {
    const path = url
      .replace(/[?#].*$/, '')
      .replace(/\/{2,}/g, '/')
      .replace(/(?<=.)\/$/, '')
    return this.#routes
      .filter(({ route }) =>
        route.path.endsWith('/*') ? path.startsWith(route.path.slice(0, -1)) : path === route.path
      )
      .flatMap(({ route: { method } }) => (method === 'GET' ? ['HEAD', 'GET'] : [method]))
  }
}
