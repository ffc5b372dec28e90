import { editDistance } from './model-names.ts'
import type { RouteTable } from './route-table.ts'

/** How many routes an error suggests. */
const MAX_SUGGESTIONS = 3
/** Longest path that is compared, in characters: comparing takes time with its length. */
const MAX_COMPARED_LENGTH = 128
/** Largest share of a path that may differ from a route that is suggested. */
const MAX_DIFFERENCE = 0.4

/** Ollama's routes that manage the models of its own machine. */
const OLLAMA_MODEL_CHANGES = /^\/api\/(create|copy|delete|push|blobs)(\/|$)/

/** Advice for a client that asked for a path that does not exist. */
export function adviceFor(routes: RouteTable, path: string): string {
  if (OLLAMA_MODEL_CHANGES.test(path))
    return 'a mesh does not change models; use Ollama on the machine that serves them'
  const near = nearest(routes, path.slice(0, MAX_COMPARED_LENGTH).replace(/(?<=.)\/$/, ''))
  return near.length === 0 ? 'GET /openapi.json lists the routes' : `did you mean ${near.join(' or ')}?`
}

function nearest(routes: RouteTable, path: string): string[] {
  return routes
    .all()
    .filter(({ route }) => route.path !== '/')
    .map(({ route: { method, path: known } }) => ({
      name: `${method} ${known.replace('*', '<id>').replace(/:(\w+)/g, '<$1>')}`,
      difference: editDistance(path.toLowerCase(), known) / Math.max(path.length, known.length)
    }))
    .filter(({ difference }) => difference <= MAX_DIFFERENCE)
    .sort((a, b) => a.difference - b.difference)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => name)
}
