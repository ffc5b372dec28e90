import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { createGenerator, type Schema } from 'ts-json-schema-generator'
import type { AnthropicWire, OpenAIWire } from './wire.ts'

/** A document that is asked for by `OpenAIWire.` or `AnthropicWire.` and its name there. */
export type WireName = `OpenAIWire.${keyof OpenAIWire}` | `AnthropicWire.${keyof AnthropicWire}`

type Definition = Exclude<NonNullable<Schema['definitions']>[string], boolean>

/** Which SDKs' types schemas are made of: the newest, or the ones before, which `paths` of the compiler puts there. */
const TSCONFIGS = { newest: 'tsconfig.json', before: 'tsconfig.before.json' }
export const SDK_VERSIONS = ['newest', 'before'] as const

/** JSON schemas that are made of the types of the SDKs as they are installed; it takes seconds. */
export class WireSchemas {
  readonly #ajv = new Ajv({ strict: false, logger: false })
  readonly #compiled = new Map<WireName, ValidateFunction>()

  constructor(version: keyof typeof TSCONFIGS) {
    const generator = createGenerator({
      path: join(import.meta.dirname, 'wire.ts'),
      tsconfig: join(import.meta.dirname, TSCONFIGS[version]),
      skipTypeCheck: true,
      additionalProperties: true,
      expose: 'all',
      jsDoc: 'none'
    })
    // A root each: within one, two types of one name fail, where over several the last would win unseen.
    for (const root of ['OpenAIWire', 'AnthropicWire']) {
      const schema = generator.createSchema(root)
      if (root === 'OpenAIWire') asOnTheWire(schema)
      this.#ajv.addSchema(schema, root)
    }
  }

  /** The violations of a document, as text; `undefined` if it matches the SDK's type. */
  broken(name: WireName, document: unknown): string | undefined {
    const [root, property] = name.split('.')
    const $ref = `${root}#/definitions/${root}/properties/${property}`
    const validate = this.#compiled.get(name) ?? this.#ajv.compile({ $ref })
    this.#compiled.set(name, validate)
    return validate(document) ? undefined : this.#ajv.errorsText(validate.errors)
  }

  /** Fails unless a document is what the SDK's type says. */
  conforms(name: WireName, document: unknown): void {
    const broken = this.broken(name, document)
    assert.ok(broken === undefined, `${name}: ${broken}\n${JSON.stringify(document, null, 2)}`)
  }
}

/** Where OpenAI's types are known not to be what its API sends. */
function asOnTheWire({ definitions = {} }: Schema): void {
  const definition = (name: string): Definition => {
    const found = definitions[name]
    assert.ok(typeof found === 'object', name)
    return found
  }
  // The SDK adds it itself, in the client.
  const response = definition('Response')
  response.required = response.required?.filter((name) => name !== 'output_text') ?? []
  // `encoding_format: 'base64'` is typed as a list of numbers all the same.
  const { properties: embedding = {} } = definition('Embedding')
  embedding['embedding'] = { anyOf: [embedding['embedding']!, { type: 'string' }] }
}
