import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import type { Lobstah } from '../../node/lobstah.ts'
import type { AcceptableCounts, ChatMessage, Delta, Receipt } from '../../protocols/index.ts'
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { Mesh, ask, collect, contributorsKnown } from '../support/mesh.ts'
import { MODEL } from '../support/records.ts'
import { reportAttack } from './table.ts'

const { price } = MODEL

/** Prose of a usual kind. */
const PROSE =
  'When the keeper of the lighthouse woke before dawn, the storm had already passed, and the sea lay as quiet as a lake. ' +
  'She climbed the stairs with a cup of tea, trimmed the lamp, and wrote down what she saw: two fishing boats, a flock of ' +
  'gulls, and far to the west a thin line of smoke that had not been there the evening before. Nobody would read it for ' +
  'weeks, yet she chose every word with care, because a record that is careless once is doubted for ever. '

const HUGE = 100_000

const IMAGE = `data:image/png;base64,${'A'.repeat(2 ** 20)}`

function bill(promptTokens: number, completionTokens: number): Partial<Receipt> {
  const credits = price.prompt * promptTokens + price.completion * completionTokens
  return { promptTokens, completionTokens, credits }
}

describe('attacks by inflated counts', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let liar: DishonestContributor
  let victim: Lobstah

  before(async () => {
    mesh = new Mesh()
    const contextLength = 10_000_000
    liar = await DishonestContributor.start(['chat', 'tools', 'vision'], { contextLength })
    victim = await mesh.node()
    await victim.libp2p.dial(liar.libp2p.getMultiaddrs().map((address) => multiaddr(address.toString())))
    await contributorsKnown(victim, 1)
  })
  after(async () => {
    await liar.stop()
    await mesh.stop()
  })

  /** Delivers some deltas and bills as said; resolves to what was paid, and what would have been. */
  async function sell(
    deltas: Delta[],
    counts: AcceptableCounts,
    request: object
  ): Promise<{ paid: boolean; acceptable: AcceptableCounts | undefined }> {
    const sold = Promise.withResolvers<Sale>()
    liar.act = async (sale) => {
      await sale.accept()
      for (const delta of deltas) await sale.delta(delta)
      await sale.receipt(bill(counts.promptTokens, counts.completionTokens))
      await sale.end()
      sold.resolve(sale)
    }
    const { spent } = await victim.ledger.balance()
    await collect(victim.consumer.infer(ask('Hi', request))).catch(() => undefined)
    const sale = await sold.promise
    await sale.over
    const paid = (await victim.ledger.balance()).spent - spent
    return { paid: paid > 0, acceptable: sale.received.find(({ type }) => type === 'error')?.acceptable }
  }

  /** The most that the victim pays for: it says so itself when it refuses more, and is held to it. */
  async function most(deltas: Delta[], request: object = {}): Promise<AcceptableCounts> {
    const { paid, acceptable } = await sell(
      deltas,
      { promptTokens: Math.min(HUGE, boundOf(request)), completionTokens: HUGE / 100 },
      request
    )
    assert.equal(paid, false)
    assert.ok(acceptable, 'the refusal names no counts')
    for (const field of ['promptTokens', 'completionTokens'] as const) {
      const more: AcceptableCounts = { ...acceptable, [field]: acceptable[field] + 1 }
      assert.equal((await sell(deltas, more, request)).paid, false, `one more of ${field} was paid`)
    }
    return acceptable
  }

  /** More than this is over the order's own bound. */
  function boundOf(request: object): number {
    return JSON.stringify(request).length + 1024
  }

  const promise = 'counts are held against the consumer’s own'

  it('pays a conversation by at most 1.3 times its tokens', async () => {
    const messages: ChatMessage[] = Array.from({ length: 10 }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: PROSE.repeat(3)
    }))
    const answer = PROSE.repeat(5)
    const deltas = answer.match(/\S+\s*/g)!.map((content) => ({ content, tokens: 1 }))
    const acceptable = await most(deltas, { messages })
    // Four marks around each message, and one at the end of the answer.
    const prompt = messages.reduce((sum, { content }) => sum + countTokens(content as string) + 4, 0)
    const honest = price.prompt * prompt + price.completion * (countTokens(answer) + 1)
    const { promptTokens, completionTokens } = acceptable
    const factor = (price.prompt * promptTokens + price.completion * completionTokens) / honest
    reportAttack({
      promise,
      attack: `a conversation of ${prompt} and ${countTokens(answer)} tokens, billed as high as it is paid`,
      reached: `${factor.toFixed(3)} times`,
      bound: '1.3 times'
    })
    assert.ok(factor <= 1.3, String(factor))
    assert.equal((await sell(deltas, acceptable, { messages })).paid, true)
  })

  const CASES: [attack: string, deltas: Delta[], bound: number, request?: object][] = [
    ['one word', [{ content: 'ok' }], 10],
    [
      '255 calls with empty names beside a word',
      [{ content: 'ok', toolCalls: Array.from({ length: 127 }, (_, index) => ({ index, name: '' })) }],
      10
    ],
    ['128 calls of tools that nobody offered', [{ toolCalls: manyCalls('x') }], 140],
    ['8,000 spaces of reasoning beside a word', [{ content: 'ok' }, { reasoning: ' '.repeat(8000) }], 450],
    [
      '4,000 deltas of nothing beside a word',
      [{ content: 'ok' }, ...Array.from({ length: 4000 }, () => ({ content: '' }))],
      10
    ]
  ]
  for (const [attack, deltas, bound, request] of CASES) {
    it(`counts ${attack} by what it says`, async () => {
      const { completionTokens } = await most(deltas, request)
      reportAttack({ promise, attack, reached: `${completionTokens} tokens`, bound: `${bound} tokens` })
      assert.ok(completionTokens <= bound, String(completionTokens))
    })
  }

  it('counts an image by its stated maximum', async () => {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: IMAGE } }
    ]
    const { promptTokens } = await most([{ content: 'ok' }], { messages: [{ role: 'user', content }] })
    const attack = 'an image of 1 MiB'
    reportAttack({ promise, attack, reached: `${promptTokens} prompt tokens`, bound: '4,213 prompt tokens' })
    assert.ok(promptTokens <= 4096 + 96 + 16 + 5, String(promptTokens))
  })

  it('pays nothing for deltas that carry nothing', async () => {
    const { paid, acceptable } = await sell(
      [{ content: '', toolCalls: [{ index: 0, name: '', arguments: '' }] }],
      { promptTokens: 5, completionTokens: 1 },
      {}
    )
    assert.equal(paid, false)
    assert.deepEqual(acceptable, { promptTokens: 0, completionTokens: 0 })
    reportAttack({ promise, attack: 'a delta that carries nothing', reached: '0 tokens', bound: '0 tokens' })
  })
})

function manyCalls(name: string): Delta['toolCalls'] {
  return Array.from({ length: 128 }, (_, index) => ({ index, name }))
}
