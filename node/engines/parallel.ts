import type { GenerateRequest } from '../../protocols/inference/index.ts'
import type { EngineEvent, EngineOptions } from './engine.ts'

/** Requests that a measurement sends, which is the most that it finds. */
const MOST = 8

/** Tokens of each of its answers: enough for the others to begin before the first one ends. */
const TOKENS = 64

/** Fewer tokens of the first answer show nothing: it ended before the others could begin. */
const MIN_TOKENS = 16

/** A text that goes on for ever, whatever the model. */
const PROMPT = '1, 2, 3, 4, 5, 6, 7, 8, 9, 10,'

type Generate = (request: GenerateRequest, options: EngineOptions) => AsyncIterable<EngineEvent>

/**
 * Measures how many requests an engine answers side by side: a first one is asked, then others, and those count that have
 * begun and not ended when the first one ends. Returns undefined where the first answer is too short to tell.
 */
export async function measureParallel(
  generate: Generate,
  model: string,
  signal: AbortSignal
): Promise<number | undefined> {
  const request = { kind: 'completion', model, prompt: PROMPT, max_tokens: TOKENS, temperature: 0 } as const
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const running = new Set<number>()
  const answer = async (place: number): Promise<void> => {
    try {
      for await (const { type } of generate(request, { signal: either })) {
        if (type === 'delta') running.add(place)
      }
    } catch {
      // One that is left, or refused, is not answered side by side.
    } finally {
      running.delete(place)
    }
  }
  const others: Promise<void>[] = []
  let tokens = 0
  try {
    for await (const { type } of generate(request, { signal })) {
      if (type === 'delta' && ++tokens === 1)
        for (let place = 1; place < MOST; place++) others.push(answer(place))
    }
    return tokens < MIN_TOKENS ? undefined : 1 + running.size
  } finally {
    over.abort()
    await Promise.all(others)
  }
}

/** Measures an engine once, after it has answered and while it has nothing else to do. */
export class ParallelProbe {
  readonly #generate: Generate
  #active = 0
  /** The model that answered last: it is in memory. */
  #model: string | undefined
  #known: number | undefined
  #stop = new AbortController()
  #measuring: Promise<void> | undefined

  /** `generate` asks the engine without telling this probe. */
  constructor(generate: Generate) {
    this.#generate = generate
  }

  /** A request begins, and goes before any measurement. Returns the function to call at its end. */
  begin(model: string): (answered: boolean) => void {
    this.#active++
    this.#stop.abort()
    return (answered) => {
      this.#active--
      if (answered) this.#model = model
    }
  }

  /** The number of requests that are answered side by side; undefined until it is measured, which this may begin. */
  known(): number | undefined {
    if (this.#known === undefined && this.#measuring === undefined && this.#active === 0) this.#measure()
    return this.#known
  }

  /** Resolves when nothing is measured any more. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#measuring
  }

  #measure(): void {
    if (this.#model === undefined) return
    this.#stop = new AbortController()
    this.#measuring = measureParallel(this.#generate, this.#model, this.#stop.signal).then(
      (found) => this.#end(found),
      // It was interrupted: it is repeated when the engine is idle again.
      () => this.#end(undefined)
    )
  }

  #end(found: number | undefined): void {
    this.#known = found
    this.#measuring = undefined
  }
}
