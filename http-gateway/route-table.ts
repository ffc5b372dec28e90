import type { Route, SurfaceName } from './route.ts'

/** A route with the surface that it belongs to. */
export interface RegisteredRoute {
  surface: SurfaceName
  route: Route
}

/** Prefixes that end base URLs and begin paths. */
const PREFIX = /^\/(v1|api)(?=\/)/

/** The routes of a gateway: tells a wrong method from a wrong path, and finds the route that a base URL hides. */
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
    const path = pathOf(url)
    return this.#routes
      .filter(({ route }) => matches(route.path, path))
      .flatMap(({ route: { method } }) => (method === 'GET' ? ['HEAD', 'GET'] : [method]))
  }

  /**
   * The URL of the route that a request means: in origin form, and with the one prefix that its path needs. Base
   * URLs are written with and without `/v1`, so that it comes twice, not at all, or before Ollama's `/api`.
   */
  resolve(target: string): string {
    const url = target.replace(/^https?:\/\/[^/?#]*(?=[/?#]|$)/i, '') || '/'
    const path = pathOf(url)
    if (this.methods(path).length > 0) return url
    let rest = path
    let prefix = '/v1'
    for (let found = PREFIX.exec(rest); found !== null; found = PREFIX.exec(rest)) {
      prefix = found[0]
      rest = rest.slice(prefix.length)
    }
    const meant = [prefix + rest, rest].find((candidate) => this.methods(candidate).length > 0)
    return meant === undefined ? url : meant + (/\?[^#]*/.exec(url)?.[0] ?? '')
  }
}

/** Whether a path is one that a route's pattern stands for. */
function matches(pattern: string, path: string): boolean {
  if (!/[:*]/.test(pattern)) return path === pattern
  const parts = path.split('/')
  const wanted = pattern.split('/')
  if (wanted.at(-1) === '*' ? parts.length < wanted.length : parts.length !== wanted.length) return false
  return wanted.every((part, place) => (/^[:*]/.test(part) ? parts[place] !== '' : part === parts[place]))
}

/** A URL's path, without slashes that are doubled or trail. */
export function pathOf(url: string): string {
  return url
    .replace(/^https?:\/\/[^/?#]*/i, '')
    .replace(/[?#].*$/s, '')
    .replace(/\/{2,}/g, '/')
    .replace(/(?<=.)\/$/, '')
}
