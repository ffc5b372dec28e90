/** The cost of counting tokens: each receipt interval of an answer, and a prompt, with and without the vocabulary. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunningText } from '../node/tokens/running-text.ts'
import { TokenCounter } from '../node/tokens/token-counter.ts'
import { chunksOf } from '../node/tokens/chunks.ts'
import { percentile } from './latency/statistics.ts'

/** Bytes of text in 512 tokens of prose. */
const INTERVAL_BYTES = 2300

const ROUNDS = 300
const WARM_UP = 30

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const TEXTS: Record<string, string> = {
  prose: read('docs/architecture.md'),
  code: read('node/consumer/consumer.ts'),
  Chinese: '我能吞下玻璃而不伤身体，所以昨天晚上他们请我去表演。'.repeat(400)
}

const ms = (value: number | undefined): string => `${(value ?? 0).toFixed(3)} ms`.padStart(12)

const counter = new TokenCounter()
const before = process.memoryUsage.rss()
const loading = performance.now()
await counter.most(['a'])
const loaded = performance.now() - loading
process.stdout.write(
  `the vocabulary loads in ${loaded.toFixed(0)} ms, in a thread that takes ${((process.memoryUsage.rss() - before) / 2 ** 20).toFixed(0)} MiB\n`
)
process.stdout.write('an interval of 512 tokens, median and 95th percentile\n')
const times = new Map<string, number[]>()
for (let round = 0; round < ROUNDS + WARM_UP; round++) {
  // Interleaved, so that what else the machine does hits all alike.
  for (const [name, text] of Object.entries(TEXTS)) {
    const start = (round * 97) % (text.length - INTERVAL_BYTES)
    const interval = text.slice(start, start + INTERVAL_BYTES)
    const running = new RunningText()
    let begun = performance.now()
    for (let at = 0; at < interval.length; at += 5) running.add(interval.slice(at, at + 5))
    if (Number.isNaN(running.certain)) throw new RangeError('no count')
    note(`${name}, main thread`, performance.now() - begun, round)
    begun = performance.now()
    await counter.most(running.pending)
    note(`${name}, vocabulary`, performance.now() - begun, round)
  }
}
for (const [name, values] of times)
  process.stdout.write(`  ${name.padEnd(24)}${ms(percentile(values, 0.5))}${ms(percentile(values, 0.95))}\n`)
const prompt = TEXTS.prose?.repeat(60).slice(0, 2 ** 20) ?? ''
const begun = performance.now()
await counter.most(chunksOf(prompt))
process.stdout.write(`a prompt of 1 MiB, vocabulary: ${(performance.now() - begun).toFixed(0)} ms\n`)
await counter.stop()

function note(name: string, value: number, round: number): void {
  if (round < WARM_UP) return
  times.set(name, [...(times.get(name) ?? []), value])
}
