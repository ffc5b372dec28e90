import type { z } from 'zod'
import { countBody, messageBody } from '../anthropic/message-request.ts'
import { body as embedBody, legacyBody as legacyEmbedBody } from '../ollama/embed.ts'
import { chatBody as ollamaChatBody, generateBody } from '../ollama/generate.ts'
import { showBody } from '../ollama/models.ts'
import { chatBody } from '../openai/chat-request.ts'
import { completionBody } from '../openai/completions.ts'
import { body as embeddingsBody } from '../openai/embeddings.ts'
import { responsesBody } from '../openai/responses-request.ts'
import { receiptsQuery } from '../status/receipts.ts'
import * as answers from './answers.ts'

/** What the document says of one route. */
export interface Operation {
  tag: 'openai' | 'anthropic' | 'ollama' | 'node'
  summary: string
  /** The body, as the route itself parses it. */
  body?: z.ZodType
  query?: z.ZodType
  /** The 200's body; left out, it is what the tag's own API says. */
  answer?: z.ZodType
  /** The 200's content type. @default 'application/json' */
  type?: string
  /** With `stream: true` in its body, the 200's content type. */
  stream?: string
}

const SSE = 'text/event-stream'
const NDJSON = 'application/x-ndjson'

/** Every route, by method and path; a new route gets its line here. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/chat/completions': {
    tag: 'openai',
    summary: 'Chat',
    body: chatBody,
    answer: answers.chatAnswer,
    stream: SSE
  },
  'POST /v1/completions': {
    tag: 'openai',
    summary: 'Complete a text',
    body: completionBody,
    stream: SSE
  },
  'POST /v1/embeddings': { tag: 'openai', summary: 'Embed texts', body: embeddingsBody },
  'POST /v1/responses': {
    tag: 'openai',
    summary: 'Respond to an input',
    body: responsesBody,
    stream: SSE
  },
  'GET /v1/models': {
    tag: 'openai',
    summary: 'The models that somebody serves now',
    answer: answers.modelsAnswer
  },
  'GET /v1/models/*': {
    tag: 'openai',
    summary: 'One of the models; the id may hold slashes',
    answer: answers.modelAnswer
  },
  'POST /v1/messages': { tag: 'anthropic', summary: 'Chat', body: messageBody, stream: SSE },
  'POST /v1/messages/count_tokens': {
    tag: 'anthropic',
    summary: 'Estimate the tokens of a message',
    body: countBody
  },
  'POST /api/chat': {
    tag: 'ollama',
    summary: 'Chat; streamed unless told otherwise',
    body: ollamaChatBody,
    stream: NDJSON
  },
  'POST /api/generate': {
    tag: 'ollama',
    summary: 'Complete a text; streamed unless told otherwise',
    body: generateBody,
    stream: NDJSON
  },
  'POST /api/embed': { tag: 'ollama', summary: 'Embed texts', body: embedBody },
  'POST /api/embeddings': { tag: 'ollama', summary: 'Embed one text', body: legacyEmbedBody },
  'POST /api/show': { tag: 'ollama', summary: 'Describe a model', body: showBody },
  'GET /api/tags': { tag: 'ollama', summary: 'The models that somebody serves now' },
  'GET /api/ps': { tag: 'ollama', summary: 'The models that can be asked at once' },
  'GET /api/version': { tag: 'ollama', summary: "The version of Ollama's API" },
  'GET /healthz': { tag: 'node', summary: 'Whether the node is well', answer: answers.healthAnswer },
  'GET /balance': {
    tag: 'node',
    summary: 'What this node and its peers have between them',
    answer: answers.balanceAnswer
  },
  'GET /peers': {
    tag: 'node',
    summary: 'The contributors that this node knows',
    answer: answers.peersAnswer
  },
  'GET /pubkey': { tag: 'node', summary: 'Who this node is', answer: answers.pubkeyAnswer },
  'GET /capacity': {
    tag: 'node',
    summary: "What this node's own engine can take on",
    answer: answers.capacityAnswer
  },
  'GET /mesh': { tag: 'node', summary: 'Whether this node is in a mesh', answer: answers.meshAnswer },
  'GET /receipts': {
    tag: 'node',
    summary: "The ledger's entries, newest first",
    query: receiptsQuery,
    answer: answers.receiptsAnswer
  },
  'GET /metrics': { tag: 'node', summary: 'What the node counts, for Prometheus', type: 'text/plain' },
  'GET /openapi.json': { tag: 'node', summary: 'This document', answer: answers.openapiAnswer },
  'GET /': { tag: 'node', summary: 'The dashboard', type: 'text/html' }
}
