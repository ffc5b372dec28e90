/**
 * The contributor's engine in the lab: a fake Ollama that streams as much, and as slowly, as it is told.
 * `node engine-main.ts` prints `{"url": …}`, and ends when its standard input does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startOllamaServer } from '../support/engines/ollama-server.ts'
import { defaultScript } from '../support/engines/script.ts'

/** Characters of one piece of a large answer. */
const PIECE = 10_000

const server = await startOllamaServer({
  models: [{ name: 'lab:1b', contextLength: 8192, parameters: 1_000_000_000, capabilities: ['completion'] }],
  script: (prompt) => {
    const bytes = /stream (\d+) bytes/.exec(prompt.text)?.[1]
    if (bytes !== undefined) return { text: large(Number(bytes)) }
    const seconds = /stream for (\d+) seconds/.exec(prompt.text)?.[1]
    if (seconds === undefined) return defaultScript(prompt)
    const count = Number(seconds) * 10
    return { text: Array.from({ length: count }, (_, n) => ` ${n}`), gate: () => delay(100) }
  }
})
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
process.stdin.resume().on('end', () => void server.close())

function* large(bytes: number): Iterable<string> {
  for (let sent = 0; sent < bytes; sent += PIECE) yield 'x'.repeat(Math.min(PIECE, bytes - sent))
}
