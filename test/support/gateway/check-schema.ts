import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Schema } from '../../http-gateway/schemas/shared.ts'

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })

/** Fails unless a document is what a schema says. */
export function conforms(schema: Schema, document: unknown): void {
  const valid = ajv.validate(schema, document)
  assert.ok(valid, `${ajv.errorsText()}\n${JSON.stringify(document, null, 2)}`)
}
