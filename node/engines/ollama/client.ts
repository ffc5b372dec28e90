// The package's entry for Node takes the text of an image for a path, and would read that file; the one for
// browsers, otherwise the same, does not.
import { Ollama } from 'ollama/browser'
import { EngineFailedError } from '../../../protocols/errors.ts'
import { statusError } from '../errors.ts'
import { errorText, patientFetch } from '../http.ts'
import { anySignal } from '../signals.ts'

/** Longest line of an answer, in characters. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024

/**
 * A client for one request. The package aborts neither before the headers come nor when its loop is left,
 * so the signal goes into `fetch`. It prints answers that it does not understand, so they do not reach it.
 */
export function ollamaClient(url: string, signal: AbortSignal): Ollama {
  return new Ollama({
    host: url,
    fetch: async (input, init) => {
      const response = await patientFetch(input, {
        ...init,
        signal: anySignal(signal, init?.signal ?? undefined)
      })
      if (!response.ok) throw statusError('Ollama', response.status, await errorText(response.body ?? []))
      return new Response(response.body?.pipeThrough(jsonLines()) ?? null, response)
    }
  })
}

/** Passes lines on that are JSON, and fails at one that is not. */
function jsonLines(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let rest = ''
  const pass = (line: string, controller: TransformStreamDefaultController<Uint8Array>): void => {
    if (line.trim() === '') return
    try {
      JSON.parse(line)
    } catch {
      throw new EngineFailedError('Ollama sent a line that is not JSON')
    }
    controller.enqueue(encoder.encode(`${line}\n`))
  }
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_LENGTH) throw new EngineFailedError('Ollama sent a line without end')
      for (const line of lines) pass(line, controller)
    },
    flush: (controller) => pass(rest + decoder.decode(), controller)
  })
}
