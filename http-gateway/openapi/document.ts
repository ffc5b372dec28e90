import { z } from 'zod'
import { VERSION } from '../constants.ts'
import type { Route } from '../route.ts'
import type { RegisteredRoute } from '../route-table.ts'
import { errorAnswer } from './answers.ts'

/** The statuses of `http-gateway/README.md`, as far as every route shares them. */
const ERROR = { $ref: '#/components/responses/Error' }

type Loosened = Parameters<NonNullable<z.core.JSONSchemaGeneratorParams['override']>>[0]

/**
 * An OpenAPI 3.1 document of routes. `@fastify/swagger` would need each schema a second time as a route option,
 * and knows neither bodies that are put into shape before they are checked nor answers that may be streamed.
 */
export function openapiDocument(routes: readonly RegisteredRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const { surface, route } of routes) {
    const path = (paths[route.path.replace('*', '{id}').replace(/:(\w+)/g, '{$1}')] ??= {})
    path[route.method.toLowerCase()] = describe(surface, route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'lobstah-node',
      version: VERSION,
      description: 'OpenAI-compatible inference over a peer-to-peer mesh, and what the node tells of itself.',
      license: { name: 'MIT', identifier: 'MIT' }
    },
    servers: [{ url: '/' }],
    // Both: a key is wanted where keys are configured, and on loopback none may be.
    security: [{}, { bearer: [] }],
    tags: [...new Set(routes.map(({ surface }) => surface))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      responses: {
        Error: {
          description: 'Refused or failed; the code says why',
          content: { 'application/json': { schema: toSchema(errorAnswer, 'output') } }
        }
      }
    }
  }
}

function describe(surface: string, route: Route): object {
  const { method, path, summary, body, query, answer, type = 'application/json', stream } = route
  const content = {
    [type]: { schema: answer === undefined ? {} : toSchema(answer, 'output') },
    ...(stream === undefined ? {} : { [stream]: { schema: { type: 'string' } } })
  }
  const parameters = [...pathParameters(path), ...queryParameters(query)]
  return {
    operationId: `${method} ${path}`
      .toLowerCase()
      .replace('*', 'id')
      .replace(/[^a-z\d]+/g, '_')
      .replace(/_$/, ''),
    tags: [surface],
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(method === 'POST' || method === 'PATCH'
      ? { requestBody: requestBody(body, route.multipart === true) }
      : {}),
    responses: { '200': { description: 'Done', content }, default: ERROR }
  }
}

function requestBody(body: z.ZodType | undefined, multipart: boolean): object {
  const schema = body === undefined ? { type: 'object' } : toSchema(body, 'input')
  const type = multipart ? 'multipart/form-data' : 'application/json'
  return { required: true, content: { [type]: { schema } } }
}

function pathParameters(path: string): object[] {
  const names = Array.from(path.matchAll(/:(\w+)|\*/g), ([, name = 'id']) => name)
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return []
  const { properties = {} } = toSchema(query, 'input') as { properties?: Record<string, object> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
}

/** A schema of JSON Schema 2020-12, which is OpenAPI 3.1's; what it cannot say allows anything. */
function toSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const made = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: io === 'input' ? loosen : () => undefined
  })
  // The document's own dialect is this one.
  delete made.$schema
  return made
}

/** Input that is normalised before it is checked may have another form, such as text instead of parts. */
function loosen({ zodSchema, jsonSchema }: Loosened): void {
  const { def } = zodSchema._zod
  if (def.type !== 'pipe' || def.in._zod.def.type !== 'transform') return
  const usual = { ...jsonSchema }
  for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key)
  jsonSchema.anyOf = [usual, { description: 'another form that stands for it' }]
}
