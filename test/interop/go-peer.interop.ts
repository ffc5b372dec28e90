import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { multiaddr } from '@multiformats/multiaddr'
import {
  CHAT_PROTOCOL,
  EngineFailedError,
  RECEIPTS_PROTOCOL,
  ReceiptRefusedError,
  encodeJson,
  openChat,
  reconcile,
  serveChat,
  serveReceipts
} from '../../protocols/index.ts'
import type { LobstahLibp2p } from '../../node/libp2p.ts'
import { CONSUMER_FRAMES, CONTRIBUTOR_FRAMES, ORDER_FRAME, onTheWire } from '../support/frames.ts'
import { bareNode } from '../support/libp2p-pair.ts'
import { REQUEST } from '../support/records.ts'

/** Rounds of each case: without the wait before the reset, stock go-yamux loses the error in every one. */
const ROUNDS = 12

interface Event {
  address?: string
  frame?: string
  ended?: 'end' | 'reset'
  failed?: string
}

/** A go-libp2p peer that reads late. */
class GoPeer {
  readonly #child: ChildProcess
  readonly #events: AsyncGenerator<Event, undefined>

  private constructor(file: string) {
    this.#child = spawn(file, [CHAT_PROTOCOL, RECEIPTS_PROTOCOL], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#events = events(this.#child)
  }

  static async start(file: string): Promise<{ peer: GoPeer; address: string }> {
    const peer = new GoPeer(file)
    const { address } = await peer.next()
    assert.ok(address)
    return { peer, address }
  }

  async next(): Promise<Event> {
    const { value } = await this.#events.next()
    assert.ok(value, 'the Go peer has ended')
    return value
  }

  /** All that comes on a stream to its end, by type. */
  async stream(): Promise<{ types: (string | undefined)[]; ended: string }> {
    const types: (string | undefined)[] = []
    for (;;) {
      const { frame, ended, failed } = await this.next()
      assert.equal(failed, undefined)
      if (frame !== undefined) types.push((JSON.parse(frame) as { type?: string }).type)
      if (ended !== undefined) return { types, ended }
    }
  }

  dial(address: string, protocol: string, bytes: string): void {
    this.#child.stdin?.write(`${address} ${protocol} ${bytes}\n`)
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }
}

async function* events(child: ChildProcess): AsyncGenerator<Event, undefined> {
  assert.ok(child.stdout)
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Event
  return undefined
}

describe('a go-libp2p peer, which reads late', () => {
  let folder: string
  let go: GoPeer
  let node: LobstahLibp2p
  let address: string

  before(async function () {
    this.timeout(600_000)
    folder = await mkdtemp(join(tmpdir(), 'lobstah-go-'))
    const file = join(folder, 'peer')
    await promisify(execFile)('go', ['build', '-o', file, '.'], { cwd: join(import.meta.dirname, 'go') })
    node = await bareNode()
    ;({ peer: go, address } = await GoPeer.start(file))
  })
  after(async () => {
    await go.stop()
    await node.stop()
    await rm(folder, { recursive: true })
  })

  it('hears the acknowledgement and the error that a consumer ends with', async () => {
    const connection = await node.dial(multiaddr(address))
    for (let round = 0; round < ROUNDS; round++) {
      const exchange = await openChat(connection, ORDER_FRAME.order, encodeJson(REQUEST))
      await exchange.acknowledge(CONSUMER_FRAMES.acknowledgement.acknowledgement)
      await exchange.fail(new ReceiptRefusedError())
      const { types, ended } = await go.stream()
      assert.deepEqual(types, ['order', undefined, 'acknowledgement', 'error'])
      assert.equal(ended, 'end')
    }
  })

  it('hears the error that a contributor ends with', async () => {
    await node.handle(CHAT_PROTOCOL, (stream, connection) => {
      void serveChat(stream, connection, async (session) => {
        await session.send(CONTRIBUTOR_FRAMES.delta)
        throw new EngineFailedError()
      })
    })
    const [own] = node.getMultiaddrs().map(String)
    const order = onTheWire(ORDER_FRAME).frame + onTheWire(REQUEST).frame
    for (let round = 0; round < ROUNDS; round++) {
      go.dial(own!, CHAT_PROTOCOL, order)
      assert.deepEqual(await go.stream(), { types: ['delta', 'error'], ended: 'end' })
    }
  })

  it('hears the error that either side of the exchange of receipts ends with', async () => {
    const connection = await node.dial(multiaddr(address))
    const signal = AbortSignal.timeout(300)
    await assert.rejects(reconcile(connection, () => assert.fail('claimed'), { signal }))
    assert.deepEqual(await go.stream(), { types: ['list', 'error'], ended: 'end' })
    await node.handle(RECEIPTS_PROTOCOL, (stream) => void serveReceipts(stream, new EngineFailedError()))
    go.dial(String(node.getMultiaddrs()[0]), RECEIPTS_PROTOCOL, onTheWire({ type: 'list', after: '' }).frame)
    assert.deepEqual(await go.stream(), { types: ['error'], ended: 'end' })
  })
})
