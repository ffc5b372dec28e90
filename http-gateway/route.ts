import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { GatewayContext } from './context.ts'
import type { Failure } from './failures.ts'

/** A request as its route sees it: body and query are parsed. */
export interface Call<Body = unknown, Query = unknown> {
  body: Body
  query: Query
  /** The path's parameters. */
  params: Readonly<Record<string, string>>
  request: FastifyRequest
  reply: FastifyReply
}

/** One route: how it is matched, described and answered. */
export interface Route<Body = unknown, Query = unknown> {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** A path, whose parts may be parameters, such as `:id`, or one that ends with `/*` for everything below it. */
  path: string
  /** One line for the reference and for the OpenAPI document. */
  summary: string
  /** Parses the body. A POST route without one ignores its body. */
  body?: z.ZodType<Body>
  /** Takes a form with a file: the handler reads `request.body`, a stream. @default false */
  multipart?: boolean
  /** Parses the query. */
  query?: z.ZodType<Query>
  /** The 200's body; left out, it is what the vendor's own API documents. */
  answer?: z.ZodType
  /** The 200's content type. @default 'application/json' */
  type?: string
  /** The 200's content type when the answer is streamed. */
  stream?: string
  /** Whether it answers without an API key: only where the answer is the same on every node. @default false */
  public?: boolean
  /** Whether only the home's owner may call it, by the home's token. @default false */
  owner?: boolean
  /** Answers a call: returns the body, or sends it through the reply. */
  handle(context: GatewayContext, call: Call<Body, Query>): unknown
}

/** The APIs that the gateway speaks; each has an entry in `surfaces.ts`. */
export type SurfaceName = 'openai' | 'anthropic' | 'ollama' | 'node'

/** An API: its routes, and its own words for errors. */
export interface Surface<Name extends SurfaceName = SurfaceName> {
  name: Name
  routes: readonly Route[]
  /** Whether bodies are read as JSON whatever content type they name, as the vendor's server does. @default false */
  anyContentType?: boolean
  /** Whether models' names that differ in case alone are the same, as on the vendor's server. @default false */
  foldsCase?: boolean
  /** Whether errors on a path are told in this surface's words. */
  owns(path: string): boolean
  errorDocument(failure: Failure, requestId: string): object
  /** Headers of every answer on its paths. */
  headers?(requestId: string): Record<string, string>
}

/** A route with its types inferred from its schemas. */
export function route<Body, Query>(route: Route<Body, Query>): Route {
  return route
}
