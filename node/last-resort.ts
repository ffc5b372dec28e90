import type { LastResort } from './consumer/index.ts'
import {
  canonicalModelName,
  EngineFailedError,
  toLobstahError,
  type AnswerEvent
} from '../protocols/index.ts'
import { engineEvents } from './contributor/index.ts'
import { openaiEngine } from './engines/index.ts'

export interface LastResortInit {
  /** Base URL, with or without its `/v1`. */
  url: string
  /** Sent to this address as a bearer token, and nowhere else: redirects are not followed. */
  apiKey?: string | undefined
  /** Names of models at the address; `*` stands for all that are not named. */
  models?: Readonly<Record<string, string>>
}

/** An OpenAI-compatible address that answers what the mesh cannot. */
export function lastResort({
  url,
  apiKey,
  models = {}
}: LastResortInit): LastResort & { close(): Promise<void> } {
  const engine = openaiEngine({ url, unlisted: true, ...(apiKey === undefined ? {} : { apiKey }) })
  const names = new Map(Object.entries(models).map(([name, there]) => [canonicalModelName(name), there]))
  const any = models['*']
  return {
    nameOf: (model) => names.get(canonicalModelName(model)) ?? any ?? model,
    async *infer(request, { signal = new AbortController().signal }): AsyncGenerator<AnswerEvent> {
      yield { type: 'accepted', peer: 'last-resort', route: 'last-resort', model: request.model }
      try {
        for await (const event of engineEvents(engine, request, signal)) {
          yield event
          if (event.type === 'end') return
        }
      } catch (thrown) {
        signal.throwIfAborted()
        throw told(toLobstahError(thrown), apiKey)
      }
      throw new EngineFailedError('The last resort ended without saying why')
    },
    close: () => engine.close()
  }
}

/** The error as it may be shown: an address may repeat the key that it refuses. */
function told<E extends Error>(err: E, apiKey: string | undefined): E {
  const message = apiKey === undefined ? err.message : err.message.replaceAll(apiKey, '…')
  err.message = `The last resort failed: ${message}`
  return err
}
