import { carriesAnything, type Delta, type InferenceRequest } from '../../protocols/index.ts'
import { AnswerText } from './answer-text.ts'
import { mostPromptTokens } from './prompt-text.ts'
import { sharedCounter, type TokenCounter } from './token-counter.ts'

/** Tokens of one answer. */
export interface TokenCounts {
  promptTokens: number
  completionTokens: number
}

/** The most tokens that one order can be billed for: by its request, and by what was delivered so far. */
export class TokenBounds {
  readonly #counter: TokenCounter
  readonly #answer: AnswerText
  #request: InferenceRequest | undefined
  /** A certain count for the prompt, and whether it is the maximum. */
  #prompt = 0
  #carried = false

  constructor(request: InferenceRequest, counter: TokenCounter = sharedCounter) {
    this.#counter = counter
    this.#request = request
    const tools = request.kind === 'chat' ? (request.tools ?? []) : []
    this.#answer = new AnswerText(new Set(tools.map(({ function: { name } }) => name)))
  }

  /** Takes the next delta of the answer. */
  add(delta: Delta): void {
    this.#carried ||= carriesAnything(delta)
    this.#answer.add(delta)
  }

  /** Whether anything was delivered: nothing is owed for deltas that carry nothing. */
  get carried(): boolean {
    return this.#carried
  }

  /**
   * The most of each that can be billed, or as many as are wanted where that is surely not too many. To be called one at a
   * time.
   */
  async most(wanted: TokenCounts): Promise<TokenCounts> {
    return {
      promptTokens: await this.#mostPrompt(wanted.promptTokens),
      completionTokens: await this.#answer.most(wanted.completionTokens, this.#counter)
    }
  }

  /** The most of each; forgets the request, which may have 64 MiB. */
  async close(): Promise<TokenCounts> {
    const most = await this.most({ promptTokens: Infinity, completionTokens: Infinity })
    this.#request = undefined
    return most
  }

  async #mostPrompt(wanted: number): Promise<number> {
    if (wanted > this.#prompt && this.#request !== undefined)
      this.#prompt = await mostPromptTokens(this.#request, wanted, this.#counter)
    return this.#prompt
  }
}
