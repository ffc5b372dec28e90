import { createParser } from 'eventsource-parser'
import { signedRecord } from '../../protocols/index.ts'

/** The outcome of one question. */
export interface Outcome {
  /** Whether the client saw `[DONE]`. */
  completed: boolean
  /** The order of the receipt that came with it. */
  order: string | undefined
}

/** Asks once, streamed, and reads to the end or to where it breaks off. */
async function question(url: string, model: string, signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { completed: false, order: undefined }
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') outcome.completed = true
    },
    onComment: (comment) => {
      const [, json] = /lobstah-receipt (.*)/.exec(comment) ?? []
      if (json === undefined) return
      const { payload } = signedRecord.parse(JSON.parse(json))
      outcome.order = (JSON.parse(payload) as { order: string }).order
    }
  })
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'go on' }] }),
      signal
    })
    if (!response.ok || response.body === null) return outcome
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) parser.feed(text)
  } catch {
    // The other end was killed: that is what is tested. Earlier answers count.
  }
  return outcome
}

/** Keeps `streams` questions running until the signal fires; returns what became of all. */
export async function load(
  url: string,
  model: string,
  streams: number,
  signal: AbortSignal
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const client = async (): Promise<void> => {
    while (!signal.aborted) outcomes.push(await question(url, model, signal))
  }
  await Promise.all(Array.from({ length: streams }, client))
  return outcomes
}
