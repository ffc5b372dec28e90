import { KEY_MARKER } from './constants.ts'
import type { AssistantEvent, AssistantMessage, AssistantStream, StreamFunction } from './host.ts'
import { meshState, probe, type Probe } from './models.ts'
import { ONBOARD } from './texts.ts'

/** The gateway that a turn asks, and whether OpenClaw can start a node there. */
export interface Target {
  baseUrl: string
  apiKey: string | undefined
  /** The command that OpenClaw starts a node with, if it has one. */
  command: string | undefined
}

/** Statuses of the gateway that will not change by asking again, and whose text is for the user. */
const FINAL_STATUSES = new Set(['401', '402', '404'])

/** Nobody serves the model now: final only for a node that has nobody else to ask. */
const NO_PROVIDER_STATUS = '503'

/**
 * Wraps the function that sends a turn. OpenClaw shows none of a provider's own words and sends a turn again for a
 * minute and a half when nothing listens, so a failure that only the user can mend ends the turn with a sentence
 * that says how. Every other failure passes as it is: OpenClaw asks again, or compacts the session.
 */
export function explained(send: StreamFunction, target: () => Target): StreamFunction {
  return async (model, context, options) => {
    const explain = async (raw: string): Promise<string | undefined> =>
      await explanation(target(), model.id, raw)
    try {
      return new ExplainedStream(await send(model, context, options), explain)
    } catch (err) {
      const text = await explain(err instanceof Error ? err.message : String(err))
      if (text === undefined) throw err
      return finished(said({ ...blank(model), timestamp: Date.now() }, text))
    }
  }
}

/** Passes a stream on; where it fails before its first word for a reason that is known, it says that reason instead. */
class ExplainedStream implements AssistantStream {
  readonly #inner: AssistantStream
  readonly #explain: (raw: string) => Promise<string | undefined>
  #explained: AssistantMessage | undefined
  #judged: Promise<void> | undefined

  constructor(inner: AssistantStream, explain: (raw: string) => Promise<string | undefined>) {
    this.#inner = inner
    this.#explain = explain
  }

  async *[Symbol.asyncIterator](): AsyncIterator<AssistantEvent> {
    for await (const event of this.#inner) {
      if (event.type !== 'error') {
        yield event
        continue
      }
      await this.#judge(event.error)
      if (this.#explained === undefined) yield event
      else yield* events(this.#explained)
    }
  }

  async result(): Promise<AssistantMessage> {
    const message = await this.#inner.result()
    await this.#judge(message)
    return this.#explained ?? message
  }

  /** Looks for the reason once, however often the end of the stream is asked for. */
  #judge(message: AssistantMessage): Promise<void> {
    this.#judged ??= (async () => {
      if (message.stopReason !== 'error' || message.content.length > 0) return
      const text = await this.#explain(message.errorMessage ?? '')
      if (text !== undefined) this.#explained = said(message, text)
    })()
    return this.#judged
  }
}

/** A sentence for the user, or undefined where OpenClaw should do what it does. */
export async function explanation(target: Target, model: string, raw: string): Promise<string | undefined> {
  const { baseUrl, apiKey = KEY_MARKER, command } = target
  const found = await probe(baseUrl, apiKey)
  switch (found.kind) {
    case 'silent':
      return unreachable(baseUrl, command, raw)
    case 'stranger':
      return `${baseUrl} is answered by another program, not by lobstah-node: correct the address. ${ONBOARD_AGAIN}`
    case 'refused':
      return `The node at ${baseUrl} rejects this API key: set LOBSTAH_API_KEY. ${ONBOARD_AGAIN}`
    case 'node':
      return await refusal(target, model, raw, found)
  }
}

const ONBOARD_AGAIN = `To onboard again: ${ONBOARD}`

function unreachable(baseUrl: string, command: string | undefined, raw: string): string {
  if (command === undefined)
    return (
      `No lobstah-node answers at ${baseUrl}, and OpenClaw has none to start: run "lobstah-node" in a terminal, ` +
      `or install it. ${ONBOARD_AGAIN}`
    )
  const reason = /lobstah-node: ([^\n]+)/.exec(raw)?.[1]?.trim()
  return (
    `The lobstah-node that OpenClaw starts does not answer at ${baseUrl}` +
    (reason === undefined ? `: run "${command}" in a terminal to see why.` : `: ${reason}.`)
  )
}

/** Explains a node's own refusal. */
async function refusal(
  { baseUrl, apiKey = KEY_MARKER }: Target,
  model: string,
  raw: string,
  { models }: Extract<Probe, { kind: 'node' }>
): Promise<string | undefined> {
  const status = /^(?:HTTP )?(\d{3})\b/.exec(raw)?.[1]
  if (status === undefined) return undefined
  const { joins } = await meshState(baseUrl, apiKey)
  const final = FINAL_STATUSES.has(status) || (status === NO_PROVIDER_STATUS && joins === false)
  if (!final) return undefined
  const words = raw
    .slice(raw.indexOf(status) + status.length)
    .replace(/; Retry-After:.*$/, '')
    .trim()
  if (status === '401' || status === '402')
    return words === '' ? undefined : `The node at ${baseUrl} answers: ${words}`
  const others = models.filter((id) => id !== model).slice(0, 5)
  return [
    words === '' ? `Nobody serves ${model} now.` : words.replace(/[^.!?]$/, '$&.'),
    others.length > 0
      ? `Available models: ${others.map((id) => `lobstah/${id}`).join(', ')}.`
      : joins === false
        ? `This node asks nobody else: start an engine on this machine, or say yes to Discover. ${ONBOARD_AGAIN}`
        : 'No model is available: "lobstah-node peers" shows which contributors are up.'
  ].join(' ')
}

function blank({ id, api, provider }: Parameters<StreamFunction>[0]): Omit<AssistantMessage, 'timestamp'> {
  return {
    role: 'assistant',
    content: [],
    ...{ api, provider, model: id },
    usage: {
      ...{ input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0 },
      cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 }
    },
    stopReason: 'error'
  }
}

/** A failed message made into one that says why. */
function said(failed: AssistantMessage, text: string): AssistantMessage {
  const cleared = {
    errorMessage: undefined,
    errorCode: undefined,
    errorType: undefined,
    errorBody: undefined
  }
  const content = [{ type: 'text', text: `⚠️ Lobstah grid: ${text}` }]
  return { ...failed, ...cleared, content, stopReason: 'stop' }
}

function* events(message: AssistantMessage): Generator<AssistantEvent> {
  const [part] = message.content
  const text = part?.text ?? ''
  const partial = message
  yield { type: 'text_start', contentIndex: 0, partial }
  yield { type: 'text_delta', contentIndex: 0, delta: text, partial }
  yield { type: 'text_end', contentIndex: 0, content: text, partial }
  yield { type: 'done', reason: 'stop', message }
}

function finished(message: AssistantMessage): AssistantStream {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- the host iterates asynchronously
    async *[Symbol.asyncIterator]() {
      yield { type: 'start', partial: message }
      yield* events(message)
    },
    result: () => Promise.resolve(message)
  }
}
