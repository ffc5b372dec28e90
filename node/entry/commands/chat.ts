import { z } from 'zod'
import { signedRecord, type SignedRecord } from '../../../protocols/index.ts'
import type { Config } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { GatewayClient, type StreamItem } from '../gateway-client.ts'
import type { Output } from '../output.ts'
import { cleanLine } from '../terminal-text.ts'
import { modelList } from './status.ts'

const RECEIPT_COMMENT = 'lobstah-receipt '

const chunk = z.object({
  choices: z.array(
    z.object({
      delta: z.object({ content: z.string().nullish() }),
      finish_reason: z.string().nullish()
    })
  ),
  usage: z.record(z.string(), z.unknown()).nullish()
})
const failure = z.object({ error: z.object({ message: z.string() }) })

/** The result of one question to the running node. */
export interface ChatResult {
  model: string
  content: string
  finishReason: string | null
  usage: Record<string, unknown> | null
  peer: string | null
  route: string | null
  /** Signed by the contributor; null where this node's own engine answered. */
  receipt: SignedRecord | null
}

/** A message of a conversation. */
export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export interface ChatOptions {
  model?: string
  system?: string
  maxTokens?: number
  seed?: number
}

/** Asks one question and streams the answer to the output. */
export async function chat(
  config: Config,
  question: string,
  options: ChatOptions,
  output: Output
): Promise<void> {
  const abort = new AbortController()
  const onSignal = (): void => abort.abort()
  process.once('SIGINT', onSignal)
  try {
    const client = await GatewayClient.of(config)
    const result = await askGateway(client, question, options, abort.signal, (piece) => output.piece(piece))
    output.piece('\n')
    if (output.json) output.result(result, () => '')
    else output.note(served(result))
  } catch (err) {
    if (abort.signal.aborted) throw new CommandError('Cancelled', EXIT.interrupted, { cause: err })
    throw err
  } finally {
    process.off('SIGINT', onSignal)
  }
}

/** Asks the node behind a gateway. Throws CommandError when the answer does not end as it should. */
export async function askGateway(
  client: GatewayClient,
  question: string,
  options: ChatOptions,
  signal: AbortSignal,
  onPiece: (text: string) => void
): Promise<ChatResult> {
  const model = options.model ?? (await firstModel(client))
  const system: Message[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }]
  const messages: Message[] = [...system, { role: 'user', content: question }]
  return askWith(client, messages, { ...options, model }, signal, onPiece)
}

/** The same with a whole conversation. */
export async function askWith(
  client: GatewayClient,
  messages: readonly Message[],
  options: ChatOptions & { model: string },
  signal: AbortSignal,
  onPiece: (text: string) => void
): Promise<ChatResult> {
  const { model } = options
  const body = {
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
    ...(options.seed === undefined ? {} : { seed: options.seed })
  }
  const { headers, items } = await client.post('/v1/chat/completions', body, signal)
  const result: ChatResult = {
    model,
    content: '',
    finishReason: null,
    usage: null,
    peer: headers.get('x-lobstah-peer'),
    // Its reason follows the first semicolon.
    route: headers.get('x-lobstah-route')?.split(';', 1)[0] ?? null,
    receipt: null
  }
  for await (const item of items) if (take(item, result, onPiece)) return result
  throw new CommandError('The answer broke off: the gateway closed the stream', EXIT.unavailable)
}

/** Takes one item of the stream into the result; true at its end. */
function take(item: StreamItem, result: ChatResult, onPiece: (text: string) => void): boolean {
  if ('comment' in item) {
    const comment = item.comment.trimStart()
    if (comment.startsWith(RECEIPT_COMMENT)) {
      result.receipt = signedRecord.parse(JSON.parse(comment.slice(RECEIPT_COMMENT.length)))
    }
    return false
  }
  if (item.data === '[DONE]') return true
  const value: unknown = JSON.parse(item.data)
  const failed = failure.safeParse(value)
  if (failed.success) throw new CommandError(cleanLine(failed.data.error.message), EXIT.unavailable)
  const { choices, usage } = chunk.parse(value)
  const piece = choices[0]?.delta.content ?? ''
  result.content += piece
  result.finishReason = choices[0]?.finish_reason ?? result.finishReason
  result.usage = usage ?? result.usage
  if (piece !== '') onPiece(piece)
  return false
}

/** The first model that can chat. Throws CommandError where there is none. */
export async function firstModel(client: GatewayClient): Promise<string> {
  const { data } = await client.get('/v1/models', modelList)
  const first = data.find(({ lobstah }) => lobstah.capabilities.includes('chat'))
  if (first !== undefined) return first.id
  throw new CommandError(
    'No model is available. Join a mesh with --bootstrap, or start an engine on this machine.',
    EXIT.unavailable
  )
}

/** A remark on who answered. */
export function served({ peer, route, model }: ChatResult): string {
  return route === 'local'
    ? `(${model}, on this machine)`
    : `(${model}, ${route ?? 'served'} by ${peer ?? 'a peer'})`
}
