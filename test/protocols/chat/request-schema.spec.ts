import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { format } from 'prettier'
import { z } from 'zod'
import { decodeJson, encodeJson } from '../../../protocols/framing/index.ts'
import {
  InvalidFrameError,
  chatRequest,
  completionRequest,
  embeddingRequest,
  inferenceRequest,
  type InferenceRequest
} from '../../../protocols/index.ts'
import { onTheWire } from '../../support/frames.ts'
import { assertGolden, readGolden } from '../../support/golden.ts'

const FILE = join(import.meta.dirname, '../../../protocols/chat/request.schema.json')

/** One document of each kind; the chat has tools, parts and a schema. */
const DOCUMENTS: Record<InferenceRequest['kind'], InferenceRequest> = {
  chat: {
    kind: 'chat',
    model: 'scripted:1b',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is the weather here?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } }
        ]
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ulm"}' } }
        ]
      },
      { role: 'tool', content: 'rain', tool_call_id: 'call_1' }
    ],
    tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }],
    tool_choice: 'auto',
    response_format: { type: 'json_object' },
    max_tokens: 100,
    temperature: 0.5,
    stop: ['\n\n'],
    top_logprobs: 2
  },
  completion: { kind: 'completion', model: 'scripted:1b', prompt: 'The mesh', suffix: 'ends.', seed: 1 },
  embedding: { kind: 'embedding', model: 'scripted:1b', input: ['one', 'two'] }
}

/** Documents that are refused, and why. */
const REFUSED: { why: string; document: object }[] = [
  { why: 'has no kind', document: { model: 'm', messages: [{ role: 'user', content: 'Hi' }] } },
  { why: 'is of no known kind', document: { kind: 'image', model: 'm', prompt: 'Hi' } },
  { why: 'has no messages', document: { kind: 'chat', model: 'm', messages: [] } },
  {
    why: 'has null where a value is optional',
    document: { ...DOCUMENTS.completion, temperature: null }
  },
  { why: 'has a model without a name', document: { ...DOCUMENTS.completion, model: '' } },
  { why: 'has one text instead of a list of texts', document: { ...DOCUMENTS.embedding, input: 'one' } },
  { why: 'has an empty text to embed', document: { ...DOCUMENTS.embedding, input: [''] } },
  { why: 'has a temperature above 100', document: { ...DOCUMENTS.completion, temperature: 100.1 } },
  { why: 'asks for no tokens', document: { ...DOCUMENTS.completion, max_tokens: 0 } },
  {
    why: 'has the arguments of a tool call as an object',
    document: {
      kind: 'chat',
      model: 'm',
      messages: [
        {
          role: 'assistant',
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: {} } }]
        }
      ]
    }
  }
]

function schema(): object {
  const requests = z.discriminatedUnion('kind', [chatRequest, completionRequest, embeddingRequest])
  return {
    title: 'The request document of /lobstah/chat/1.0.0',
    ...z.toJSONSchema(requests, { io: 'input', unrepresentable: 'any' })
  }
}

describe('protocols/chat/request.schema.json', () => {
  it('is what our own schema says: UPDATE_GOLDEN=1 writes it anew', async () => {
    const text = await format(JSON.stringify(schema()), { parser: 'json', printWidth: 110 })
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(FILE, text)
    assert.deepEqual(JSON.parse(await readFile(FILE, 'utf8')), JSON.parse(text))
  })

  describe('for another implementation', () => {
    let valid: (document: unknown) => boolean
    before(async () => {
      const ajv = new Ajv2020({ strict: false })
      valid = ajv.compile(JSON.parse(await readFile(FILE, 'utf8')) as object)
    })

    for (const [kind, document] of Object.entries(DOCUMENTS)) {
      it(`takes a document of kind ${kind}, with fields that nobody knows`, async () => {
        await assertGolden(`request-${kind}`, onTheWire(document))
        assert.deepEqual(decodeJson(inferenceRequest, encodeJson({ ...document, future: 1 })), document)
        assert.ok(valid({ ...document, future: 1 }))
      })
    }

    for (const { why, document } of REFUSED) {
      it(`refuses a document that ${why}`, () => {
        assert.throws(() => decodeJson(inferenceRequest, encodeJson(document)), InvalidFrameError)
        assert.ok(!valid(document))
      })
    }

    it('has all that is refused in a golden file', async () => {
      const vectors = REFUSED.map(({ why, document }) => ({ why, document: JSON.stringify(document) }))
      await assertGolden('refused-requests', vectors)
      assert.equal(((await readGolden('refused-requests')) as unknown[]).length, REFUSED.length)
    })
  })
})
