import type { Delta, FinishReason, Logprob } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { Ends } from '../answer/answers.ts'
import type { DocumentFormat, StreamFormat } from '../answer/deliver.ts'
import { receiptComments } from '../answer/headers.ts'
import { newId } from '../answer/identifiers.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import { Transcript } from '../answer/transcript.ts'
import { toEnvelope, type Failure } from '../failures.ts'
import { DONE, nowInSeconds, toUsage, totalUsage } from './fields.ts'

interface CompletionLogprobs {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  text_offset: number[]
}

/** A completion's answer as one `text_completion` document; `echoes` are what each choice's text begins with. */
export class CompletionDocument implements DocumentFormat {
  readonly #echoes: string[]
  readonly #choices: Transcript[]

  constructor(echoes: string[]) {
    this.#echoes = echoes
    this.#choices = echoes.map(() => new Transcript())
  }

  delta(delta: Delta, choice: number): void {
    this.#choices[choice]?.add(delta)
  }

  end(ends: Ends, model: string): object {
    return {
      id: newId('cmpl-'),
      object: 'text_completion',
      created: nowInSeconds(),
      model,
      choices: this.#choices.map(({ content, logprobs }, index) => ({
        text: (this.#echoes[index] ?? '') + content,
        index,
        logprobs: logprobs.length === 0 ? null : toCompletionLogprobs(logprobs, 0),
        finish_reason: toReason(ends[index]?.finishReason)
      })),
      usage: toUsage(totalUsage(ends))
    }
  }
}

/** A completion's answer as `text_completion` events; an echoed prompt comes first. */
export class CompletionChunks implements StreamFormat {
  readonly #echoes: string[]
  readonly #includeUsage: boolean
  readonly #fields: object
  /** Characters of each choice's text so far. */
  readonly #offsets: number[]

  constructor(model: string, echoes: string[], includeUsage: boolean) {
    this.#echoes = echoes
    this.#includeUsage = includeUsage
    this.#fields = { id: newId('cmpl-'), object: 'text_completion', created: nowInSeconds(), model }
    this.#offsets = echoes.map(() => 0)
  }

  start(out: SseWriter): void {
    for (const [choice, echo] of this.#echoes.entries()) {
      if (echo !== '') out.write(this.#choice(choice, echo))
    }
  }

  delta({ content = '', logprobs = [] }: Delta, out: SseWriter, choice: number): void {
    if (content === '' && logprobs.length === 0) return
    out.write(this.#choice(choice, content, logprobs))
  }

  choiceEnd(choice: number, { finishReason }: EndEvent, out: SseWriter): void {
    out.write(this.#choice(choice, '', [], toReason(finishReason)))
  }

  end(ends: Ends, out: SseWriter): void {
    if (this.#includeUsage) out.write(this.#event({ choices: [], usage: toUsage(totalUsage(ends)) }))
    for (const comment of receiptComments(ends)) out.write(comment)
    out.write(DONE)
  }

  failure(failure: Failure): string {
    return `data: ${JSON.stringify(toEnvelope(failure))}\n\n`
  }

  #choice(
    index: number,
    text: string,
    logprobs: Logprob[] = [],
    finishReason: FinishReason | null = null
  ): string {
    const offset = this.#offsets[index] ?? 0
    this.#offsets[index] = offset + text.length
    const choice = {
      text,
      index,
      logprobs: logprobs.length === 0 ? null : toCompletionLogprobs(logprobs, offset),
      finish_reason: finishReason
    }
    return this.#event({ choices: [choice], ...(this.#includeUsage ? { usage: null } : {}) })
  }

  #event(fields: object): string {
    return `data: ${JSON.stringify({ ...this.#fields, ...fields })}\n\n`
  }
}

/** Without a template a model has no tools to call. */
function toReason(reason: FinishReason = 'stop'): FinishReason {
  return reason === 'tool_calls' ? 'stop' : reason
}

function toCompletionLogprobs(logprobs: Logprob[], offset: number): CompletionLogprobs {
  let place = offset
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top = [] }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))
    ),
    text_offset: logprobs.map(({ token }) => {
      const start = place
      place += token.length
      return start
    })
  }
}
