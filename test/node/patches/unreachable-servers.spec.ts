import assert from 'node:assert/strict'
import { mock } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import type { KadDHTComponents, SingleKadDHT } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { skipUnreachable } from '../../../node/patches/unreachable-servers.ts'

describe('node/patches/unreachable-servers', () => {
  let asked: string[]
  let connected: boolean
  let now: number
  let server: PeerId
  let network: { sendRequest: typeof send; sendMessage: typeof send }

  async function* send(
    to: PeerId,
    _message?: object,
    _options?: { signal?: AbortSignal }
  ): AsyncGenerator<object> {
    asked.push(to.toString())
    yield { name: 'QUERY_ERROR' }
  }

  beforeEach(async () => {
    asked = []
    connected = false
    now = 0
    mock.method(performance, 'now', () => now)
    server = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    network = { sendRequest: send, sendMessage: send }
    const connectionManager = { getConnections: () => (connected ? [{}] : []) }
    skipUnreachable(
      { network } as unknown as SingleKadDHT,
      { connectionManager } as unknown as KadDHTComponents
    )
  })
  afterEach(() => mock.restoreAll())

  const query = async (signal?: AbortSignal): Promise<number> => {
    await Array.fromAsync(network.sendRequest(server, {}, signal === undefined ? {} : { signal }))
    return asked.length
  }

  it('sends a server that could not be reached nothing for 30 seconds', async () => {
    assert.equal(await query(), 1)
    assert.equal(await query(), 1)
    await Array.fromAsync(network.sendMessage(server, {}, {}))
    assert.equal(asked.length, 1)
    now = 29_999
    assert.equal(await query(), 1)
    now = 30_001
    assert.equal(await query(), 2)
  })

  it('asks it again at once when it is connected', async () => {
    await query()
    connected = true
    assert.equal(await query(), 2)
  })

  it('holds nothing against a server whose query was aborted', async () => {
    await query(AbortSignal.abort())
    assert.equal(await query(), 2)
  })
})
