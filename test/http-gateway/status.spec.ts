import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import type { PeerStatus } from '../../node/consumer/index.ts'
import type { LedgerEntry } from '../../node/ledger/index.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { PEER, listed } from '../support/gateway/stub-consumer.ts'

const TOKEN = 't'.repeat(43)

describe('http-gateway status routes', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway({ token: TOKEN })
  })

  afterEach(async () => {
    await test.http.stop()
  })

  const get = (url: string): Promise<LightMyRequestResponse> =>
    test.http.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${TOKEN}` } })

  it('says that it is well, who it is and what it can take', async () => {
    assert.deepEqual((await get('/healthz')).json(), { status: 'ok' })
    assert.deepEqual((await get('/pubkey')).json(), {
      peer: '12D3KooWSelf',
      publicKey: 'a2V5',
      addresses: ['/ip4/127.0.0.1/tcp/4001']
    })
    assert.deepEqual((await get('/capacity')).json(), {
      contributing: true,
      slots: 2,
      active: 1,
      queued: 0,
      models: ['tiny:latest']
    })
    assert.deepEqual((await get('/balance')).json(), { earned: 5, spent: 3, claimed: 1, net: 2, peers: [] })
  })

  it('lists the peers as the consumer knows them', async () => {
    const peer: PeerStatus = {
      peer: PEER,
      route: 'relayed',
      path: 'relayed',
      state: 'up',
      models: ['tiny:latest'],
      contexts: { 'tiny:latest': 8192 },
      slots: 1,
      active: 0,
      queued: 0,
      answered: 4,
      failed: 1,
      firstTokenMs: null
    }
    test.consumer.status = [peer]
    assert.deepEqual((await get('/peers')).json(), { peers: [peer] })
  })

  it('lists what the ledger holds, a page at a time', async () => {
    const entry = (index: number): LedgerEntry => ({
      kind: 'receipt',
      record: { payload: '{}', signature: 'A'.repeat(86) },
      index,
      at: 1,
      order: 'o',
      consumer: 'c',
      contributor: 'p',
      seq: 0,
      final: true,
      credits: 12,
      hash: 'h'
    })
    test.entries.push(entry(9), entry(8), entry(7))
    assert.deepEqual((await get('/receipts?limit=2&before=10&peer=p')).json(), {
      entries: [entry(9), entry(8)],
      next: 8
    })
    assert.deepEqual((await get('/receipts')).json(), { entries: test.entries, next: null })
    assert.deepEqual(test.listings, [{ limit: 2, before: 10, peer: 'p' }, { limit: 100 }])
    const refused = await get('/receipts?limit=9999')
    assert.equal(refused.statusCode, 400)
    assert.equal(refused.json<{ error: { param: string } }>().error.param, 'limit')
  })

  it('describes models by the names that clients look for', async () => {
    test.consumer.listed = [listed('tiny:latest', { contextLength: 4096, quantization: 'Q4_0' })]
    const list = (await get('/v1/models')).json<{ data: { created: number }[] }>()
    const { created } = list.data[0]!
    assert.ok(created > 0 && created <= Date.now() / 1000)
    assert.deepEqual(list, {
      object: 'list',
      data: [
        {
          id: 'tiny:latest',
          object: 'model',
          created,
          owned_by: 'lobstah',
          context_length: 4096,
          context_window: 4096,
          max_model_len: 4096,
          lobstah: {
            peers: [PEER],
            digest: 'sha256:00',
            parameters: 1_000_000_000,
            quantization: 'Q4_0',
            capabilities: ['chat'],
            price: { prompt: 1, completion: 4 }
          }
        }
      ]
    })
  })

  it('answers without a slash at the end or with one, and HEAD', async () => {
    assert.equal((await get('/healthz/')).statusCode, 200)
    const head = await test.http.inject({ method: 'HEAD', url: '/v1/models', headers: { host: 'localhost' } })
    assert.equal(head.statusCode, 200)
    assert.equal(head.payload, '')
  })
})
