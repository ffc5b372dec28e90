import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, idle, textOf } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'
import { Deal, type Party } from '../node/ledger/records.ts'

const KEYS = 100
/** A line of one key, and of all strangers: an order of one token reserves no more. */
const [LINE, STRANGERS_LINE] = [15_000_000, 20_000_000]

async function key(): Promise<Party> {
  const privateKey = await generateKeyPair('Ed25519')
  return { id: peerIdFromPrivateKey(privateKey).toString(), key: privateKey }
}

describe('a hundred keys of one person', function () {
  this.timeout(180_000)

  it('that sign for one another gain no more of a third peer than all strangers may owe', async () => {
    const mesh = new Mesh()
    try {
      const friend = await key()
      const contributor = await mesh.node({
        engine: new ScriptedEngine(() => say(['word'])),
        contribute: true,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        creditLine: () => LINE,
        sharedLine: { limit: STRANGERS_LINE, covers: (peer) => peer !== friend.id }
      })
      const puppets = await Promise.all(Array.from({ length: KEYS }, key))
      const refusals: string[] = []
      for (const [index, puppet] of puppets.entries()) {
        // Rich, by the word of the next: nobody else keeps it.
        const riches = await new Deal(puppets[(index + 1) % KEYS]!, puppet).whole(1e12)
        await assert.rejects(contributor.ledger.append(riches))
        const consumer = await DishonestConsumer.start(contributor, {
          peer: puppet.id,
          privateKey: puppet.key
        })
        try {
          const demand = await consumer.place(await consumer.order({ maxCompletionTokens: 1 }))
          const frame = await demand.next('delta')
          if (frame.type === 'error') refusals.push(`${frame.code}: ${frame.message}`)
          demand.frames.stream.abort(new RangeError('takes and leaves'))
        } finally {
          await consumer.stop()
        }
        await idle(contributor)
      }
      const { earned, claimed, peers } = await contributor.ledger.balance()
      assert.deepEqual([earned, peers.length], [0, KEYS - refusals.length])
      assert.ok(claimed <= STRANGERS_LINE, String(claimed))
      assert.ok(contributor.ledger.owedTogether(() => true) <= STRANGERS_LINE)
      assert.ok(refusals.length >= KEYS / 2)
      for (const refusal of refusals) assert.match(refusal, /^credit_exhausted: .* strangers together owe/)

      const node = await mesh.node({ privateKey: friend.key, bootstrap: addressesOf(contributor) })
      await contributorsKnown(node, 1)
      assert.equal(textOf(await collect(node.consumer.infer(ask('Hi', { max_tokens: 1 })))), 'word')
    } finally {
      await mesh.stop()
    }
  })
})
