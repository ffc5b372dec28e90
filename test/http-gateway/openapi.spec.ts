import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { allRoutes } from '../../http-gateway/surfaces.ts'
import { testGateway } from '../support/gateway/gateway.ts'

interface Media {
  content?: Record<string, { schema: Record<string, unknown> }>
}
interface Operation {
  operationId: string
  summary: string
  tags: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  requestBody?: Media & { required: boolean }
  responses: Record<string, Media & { description?: string; $ref?: string }>
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { responses: { Error: Media } }
}

const TOKEN = 't'.repeat(43)

describe('http-gateway/openapi', () => {
  const test = testGateway({ token: TOKEN })
  const get = async <T>(url: string): Promise<T> => {
    const reply = await test.http.inject({
      url,
      headers: { host: 'localhost', authorization: `Bearer ${TOKEN}` }
    })
    assert.equal(reply.statusCode, 200, reply.body)
    return reply.json<T>()
  }
  let document: Document
  before(async () => {
    document = await get('/openapi.json')
  })
  const operations = (): [string, string, Operation][] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
        path,
        method,
        operation
      ])
    )

  it('describes every route that there is, and no other', () => {
    const routes = operations().map(([path, method]) => `${method.toUpperCase()} ${path}`)
    assert.ok(routes.length >= 11)
    assert.deepEqual(
      Array.from(
        allRoutes(),
        ({ route: { method, path } }) => `${method} ${path.replace('*', '{id}').replace(/:(\w+)/g, '{$1}')}`
      ).sort(),
      routes.sort()
    )
  })

  it('has what OpenAPI 3.1 demands of a document', () => {
    assert.match(document.openapi, /^3\.1\.\d+$/)
    assert.ok(document.info.title && document.info.version)
    const tags = new Set(document.tags.map(({ name }) => name))
    const ids = operations().map(([, , { operationId }]) => operationId)
    assert.equal(new Set(ids).size, ids.length)
    for (const [path, method, operation] of operations()) {
      assert.match(path, /^\//)
      assert.ok(['get', 'post', 'patch', 'delete'].includes(method), method)
      assert.ok(operation.summary && operation.tags.every((tag) => tags.has(tag)))
      const templated = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name)
      const parameters = operation.parameters ?? []
      assert.deepEqual(
        parameters.filter((one) => one.in === 'path' && one.required === true).map(({ name }) => name),
        templated
      )
      assert.ok(parameters.every((one) => ['path', 'query'].includes(one.in)))
      assert.equal(operation.requestBody !== undefined, ['post', 'patch'].includes(method))
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.match(status, /^(\d{3}|default)$/)
        assert.ok(response.description ?? response.$ref)
      }
    }
  })

  it('is a document by the schema of OpenAPI 3.1 itself', async () => {
    const file = new URL('../fixtures/openapi-3.1/schema.json', import.meta.url)
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    // The one dynamic reference, which Ajv follows to somewhere else; it stands for any schema.
    const text = (await readFile(file, 'utf8')).replaceAll(
      '"$dynamicRef": "#meta"',
      '"$ref": "#/$defs/schema"'
    )
    const valid = ajv.compile(JSON.parse(text) as object)
    assert.ok(valid(document), ajv.errorsText(valid.errors))
    const [path = '', methods = {}] = Object.entries(document.paths)[0] ?? []
    const broken = { ...document, paths: { [path]: { ...methods, post: { responses: { '200': {} } } } } }
    assert.ok(!valid(broken), 'a response without a description is none')
  })

  it('has schemas of JSON Schema 2020-12 only', () => {
    const ajv = new Ajv2020({ strict: false })
    for (const [, , operation] of operations()) {
      for (const { content = {} } of [operation.requestBody ?? {}, ...Object.values(operation.responses)])
        for (const { schema } of Object.values(content)) ajv.compile(schema)
      for (const { schema } of operation.parameters ?? []) ajv.compile(schema)
    }
  })

  it('takes the bodies that the routes take, and no others', async () => {
    const ajv = new Ajv2020({ strict: false })
    const body = document.paths['/v1/chat/completions']?.post?.requestBody?.content?.['application/json']
    assert.ok(body)
    const valid = ajv.compile(body.schema)
    const chat = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }
    for (const [payload, takes] of [
      [chat, true],
      [{ ...chat, temperature: 1, stream: true, unknown: 1 }, true],
      [{ ...chat, model: 7 }, false],
      [{ model: 'tiny' }, false],
      [{ ...chat, temperature: 'hot' }, false]
    ] as const) {
      const reply = await test.http.inject({
        method: 'POST',
        url: '/v1/chat/completions',
        headers: { host: 'localhost' },
        payload
      })
      assert.equal(reply.statusCode === 200, takes, reply.body)
      assert.equal(valid(payload), takes, JSON.stringify(payload))
    }
  })

  it('describes the answers as they are', async () => {
    const ajv = new Ajv2020({ strict: false })
    for (const [path, method, { responses }] of operations()) {
      const schema = responses['200']?.content?.['application/json']?.schema
      // Where the vendor's documents describe the answer, the schema allows anything.
      if (method !== 'get' || schema === undefined || Object.keys(schema).length === 0) continue
      const valid = ajv.compile(schema)
      assert.ok(valid(await get(path.replace('{id}', 'tiny'))), `${path}: ${ajv.errorsText(valid.errors)}`)
    }
    const refusal = ajv.compile(
      document.components.responses.Error.content?.['application/json']?.schema ?? false
    )
    const reply = await test.http.inject({ url: '/nope', headers: { host: 'localhost' } })
    assert.ok(refusal(reply.json()))
    assert.ok(!refusal({ error: 'text' }))
  })
})
