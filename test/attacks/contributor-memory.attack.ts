import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import * as varint from 'uint8-varint'
import type { FrameStream } from '../../protocols/index.ts'
import { Stranger } from '../support/attacks/stranger.ts'
import { Victim } from '../support/attacks/victim.ts'
import { reportAttack } from './table.ts'

const MIB = 2 ** 20
const PROMISE = 'a contributor’s memory'

/** Growth of the process beyond what an attacker fills: code, and garbage not yet collected. In MiB. */
const SLACK = 192

async function answerOf(frames: FrameStream): Promise<string> {
  const { code = '', type } = JSON.parse(Buffer.from(await frames.read()).toString()) as Record<
    string,
    string
  >
  return `${type ?? ''} ${code}`.trim()
}

/** How often a victim's memory is looked at while it keeps what it was sent, and for how long in all. */
async function settle(): Promise<void> {
  await delay(1500)
}

describe('attacks on a contributor’s memory', function () {
  this.timeout(120_000)

  for (const [name, body] of [
    ['lists', (size: number) => `[${'[],'.repeat(size / 3)}0]`],
    ['nested lists', (size: number) => '['.repeat(size / 2) + ']'.repeat(size / 2)],
    ['objects', (size: number) => `[${'{},'.repeat(size / 3)}0]`],
    ['escaped quotes', (size: number) => `"${'\\"'.repeat(size / 2)}",[${'[],'.repeat(200_000)}0]`]
  ] as const) {
    it(`64 MiB of ${name} are refused before they are parsed`, async () => {
      await using victim = await Victim.contributor()
      await using stranger = await Stranger.start()
      const document = Buffer.from(`{"kind":"chat","model":"tiny:1b","messages":[${body(63 * MIB)}]}`)
      const connection = await stranger.dial(victim.node)
      const frames = await stranger.place(connection, await stranger.order(victim.node, document), document)
      assert.equal(await answerOf(frames), 'error bad_request')
      const grown = await victim.growth()
      reportAttack({
        promise: PROMISE,
        attack: `an order with a document of 64 MiB of ${name}`,
        reached: `${grown} MiB`,
        bound: `${128 + SLACK} MiB`
      })
      assert.ok(grown < 128 + SLACK, `${grown} MiB`)
    })
  }

  it('documents of many peers at once take no more than two of the longest', async () => {
    await using victim = await Victim.contributor()
    const document = Buffer.alloc(48 * MIB, 0x20)
    const strangers = await Promise.all(Array.from({ length: 8 }, () => Stranger.start()))
    try {
      const said = await Promise.all(
        strangers.map(async (stranger) => {
          const connection = await stranger.dial(victim.node)
          const frames = await stranger.place(
            connection,
            await stranger.order(victim.node, document),
            document.subarray(0, -1)
          )
          return await Promise.race([answerOf(frames).catch(() => 'lost'), delay(4000, 'waits')])
        })
      )
      assert.ok(said.filter((answer) => answer === 'error busy').length >= 5, said.join())
      const grown = await victim.growth()
      reportAttack({
        promise: PROMISE,
        attack: '8 peers send 48 MiB each, all but the last byte',
        reached: `${grown} MiB`,
        bound: `${2 * 128 + SLACK} MiB`
      })
      // Twice: a document that grows is copied.
      assert.ok(grown < 2 * 128 + SLACK, `${grown} MiB`)
    } finally {
      await Promise.all(strangers.map((stranger) => stranger[Symbol.asyncDispose]()))
    }
  })

  for (const [who, args] of [
    ['a peer that is not served', ['--serve-access', 'friends']],
    ['a peer that is served', []]
  ] as const) {
    it(`unfinished frames of ${who} are bounded`, async () => {
      await using victim = await Victim.contributor([...args])
      await using stranger = await Stranger.start()
      const connection = await stranger.dial(victim.node)
      const length = varint.encode(MIB)
      const part = Buffer.concat([length, Buffer.alloc(MIB - 1, 0x20)])
      await Promise.all(Array.from({ length: 900 }, async () => (await stranger.chat(connection)).send(part)))
      await settle()
      const grown = await victim.growth()
      reportAttack({
        promise: PROMISE,
        attack: `900 orders of 1 MiB without their last byte, by ${who}`,
        reached: `${grown} MiB`,
        bound: `${32 + SLACK} MiB`
      })
      assert.ok(grown < 32 + SLACK, `${grown} MiB`)
    })
  }

  it('orders of the longest that is taken, without their last byte, are bounded', async () => {
    await using victim = await Victim.contributor()
    const strangers = await Promise.all(Array.from({ length: 3 }, () => Stranger.start()))
    const part = Buffer.concat([varint.encode(16_384), Buffer.alloc(16_383, 0x20)])
    try {
      const connections = await Promise.all(strangers.map((stranger) => stranger.dial(victim.node)))
      await Promise.all(
        strangers.flatMap((stranger, index) =>
          Array.from({ length: 900 }, async () => {
            const connection = connections[index]
            assert.ok(connection)
            const stream = await stranger.chat(connection)
            stream.send(part)
          })
        )
      )
      await settle()
      const grown = await victim.growth()
      reportAttack({
        promise: PROMISE,
        attack: '2,700 orders of 16 KiB without their last byte, by 3 peers',
        reached: `${grown} MiB`,
        bound: `${32 + SLACK} MiB`
      })
      assert.ok(grown < 32 + SLACK, `${grown} MiB`)
    } finally {
      await Promise.all(strangers.map((stranger) => stranger[Symbol.asyncDispose]()))
    }
  })
})
