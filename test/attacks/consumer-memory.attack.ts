import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as varint from 'uint8-varint'
import { encodeJson } from '../../protocols/index.ts'
import { Victim } from '../support/attacks/victim.ts'
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { modelListed } from '../support/node-process.ts'
import { reportAttack } from './table.ts'

/** Further growth allowed to the process, in MiB. */
const SLACK = 192

const FLOODS: Record<string, object> = {
  'empty deltas': { type: 'delta' },
  'deltas of no tokens': { type: 'delta', tokens: 0 },
  'text of 1 MB a delta': { type: 'delta', content: 'x'.repeat(1_000_000) },
  reasoning: { type: 'delta', reasoning: 'x'.repeat(1000) },
  'tool calls': {
    type: 'delta',
    toolCalls: Array.from({ length: 128 }, (_, index) => ({ index, id: 'x'.repeat(256), arguments: 'x' }))
  },
  'log probabilities that nobody asked for': {
    type: 'delta',
    logprobs: Array.from({ length: 1024 }, () => ({ token: 'x', logprob: -1 }))
  },
  'fields that nobody knows': { type: 'delta', content: 'x', future: 'x'.repeat(1000) },
  'status frames': { type: 'status', phase: 'generating' }
}

/** Sends a frame again and again, as fast as it is taken, until the consumer has had enough; counts them. */
async function flood({ frames }: Sale, frame: object): Promise<number> {
  const { stream } = frames
  const payload = encodeJson(frame)
  const one = Buffer.concat([varint.encode(payload.byteLength), payload])
  const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / one.byteLength) }, () => one))
  let sent = 0
  while (stream.writeStatus === 'writable' && frames.stream.status === 'open') {
    if (!stream.send(many)) await Promise.race([once(stream, 'drain'), once(stream, 'close')])
    sent += many.byteLength
    await new Promise(setImmediate)
    if (sent > 2 ** 30) break
  }
  return sent
}

/** All of a body; a stream that fails is cut off after its error. */
async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of body ?? []) chunks.push(chunk as Uint8Array)
  } catch {
    // Cut off.
  }
  return Buffer.concat(chunks).toString()
}

describe('attacks on a consumer’s memory', function () {
  this.timeout(120_000)

  for (const [name, frame] of Object.entries(FLOODS)) {
    it(`${name} without end are ended, streamed or not`, async () => {
      const liar = await DishonestContributor.start()
      try {
        const addresses = liar.libp2p.getMultiaddrs().map(String)
        await using victim = await Victim.consumer(addresses)
        const model = await modelListed(victim.node.url)
        const sent: Promise<number>[] = []
        liar.act = async (sale) => {
          await sale.accept()
          sent.push(flood(sale, frame).catch(() => 0))
        }
        for (const stream of [false, true]) {
          const reply = await fetch(`${victim.node.url}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({
              model,
              max_tokens: 16,
              stream,
              messages: [{ role: 'user', content: 'Hi' }]
            })
          })
          const text = await textOf(reply)
          assert.match(text, /error/)
          assert.ok(text.length < 2 ** 20)
        }
        const peers = (await (await fetch(`${victim.node.url}/peers`)).json()) as {
          peers: { failed: number }[]
        }
        assert.ok((peers.peers[0]?.failed ?? 0) >= 2, JSON.stringify(peers))
        const grown = await victim.growth()
        reportAttack({
          promise: 'a consumer’s memory',
          attack: `${name} without end, for an order of 16 tokens, twice`,
          reached: `${grown} MiB`,
          bound: `${SLACK} MiB`
        })
        assert.ok(grown < SLACK, `${grown} MiB`)
      } finally {
        await liar.stop()
      }
    })
  }
})
