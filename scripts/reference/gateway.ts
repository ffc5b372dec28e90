import { errorCodes } from '../../http-gateway/failures.ts'
import { allRoutes } from '../../http-gateway/surfaces.ts'
import * as protocols from '../../protocols/index.ts'
import { code, plain, table } from './table.ts'

type ErrorClass = new () => protocols.LobstahError

/** The gateway's routes. */
export function routesSection(): string {
  const rows = Array.from(allRoutes(), ({ surface, route }) => [
    code(`${route.method} ${route.path.replace('*', '<id>').replace(/:(\w+)/g, '<$1>')}`),
    SURFACES[surface],
    plain(route.summary)
  ])
  return `## Routes

The gateway's routes, on \`http://127.0.0.1:17475\` by default. [The gateway's page](../http-gateway/README.md) says how each behaves; \`GET /openapi.json\` has the schemas.

${table(['Route', 'API', 'Answer'], rows)}`
}

const SURFACES = { openai: 'OpenAI', anthropic: 'Anthropic', ollama: 'Ollama', node: "the node's own" }

/** The codes of errors, with their HTTP statuses. */
export function errorsSection(): string {
  const messages = new Map(
    Object.values<unknown>(protocols)
      .filter(isErrorClass)
      .map((errorClass) => new errorClass())
      .map((err) => [err.code, err.message])
  )
  const rows = errorCodes()
    .toSorted((a, b) => a.status - b.status)
    .map(({ code: name, status, type, retry, when }) => {
      const meaning = when ?? messages.get(name)
      if (meaning === undefined) throw new TypeError(`The code ${name} has neither a class nor a description`)
      return [code(name), String(status), code(type), retry ? 'yes' : 'no', plain(meaning)]
    })
  return `## Error codes

The codes of the gateway's errors. Where a retry may help, \`retry-after\` says when if that is known; elsewhere the answer carries \`x-should-retry: false\`. [The wire protocols](../protocols/README.md#errors) say which codes peers send one another, and when.

${table(['Code', 'Status', 'Type', 'Retry may help', 'Meaning'], rows)}`
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && value.prototype instanceof protocols.LobstahError
}
