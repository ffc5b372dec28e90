import assert from 'node:assert/strict'
import { ollamaEngine } from '../../node/engines/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { OrderRefusedError, RECEIPT, open, type AnswerEvent } from '../../protocols/index.ts'
import { startOllamaServer, type OllamaServer } from '../support/engines/ollama-server.ts'
import { Mesh, addressesOf, collect, contributorsKnown, eventually, textOf, until } from '../support/mesh.ts'

const NAME = 'llama3.2:3b'
const OLD = 'a'.repeat(64)
const NEW = 'b'.repeat(64)

describe('a model that is replaced under its name', () => {
  let mesh: Mesh
  let server: OllamaServer
  let contributor: Lobstah
  let consumer: Lobstah
  let gate: PromiseWithResolvers<void>

  beforeEach(async () => {
    mesh = new Mesh()
    gate = Promise.withResolvers()
    const text = ['answered']
    server = await startOllamaServer({
      models: [{ name: NAME, digest: OLD }],
      script: () => ({ text, gate: () => gate.promise })
    })
    const bootstrap = addressesOf(await mesh.relay())
    contributor = await mesh.node({
      bootstrap,
      engine: ollamaEngine({ url: server.url }),
      contribute: true,
      slots: 1,
      listen: ['/ip4/127.0.0.1/tcp/0']
    })
    consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
  })
  afterEach(async () => {
    gate.resolve()
    await server.close()
    await mesh.stop()
  })

  const ask = (): Promise<AnswerEvent[]> =>
    collect(
      consumer.consumer.infer({ kind: 'chat', model: NAME, messages: [{ role: 'user', content: 'Hi' }] })
    )
  const replace = (): void => void (server.models = [{ name: NAME, digest: NEW }])
  const digestKnown = (): string | null | undefined =>
    consumer.directory.contributors()[0]?.announcement.models[0]?.digest

  it('is not asked for an order of before: when it is taken, and after it has waited', async () => {
    const first = ask()
    await server.arrival('/api/chat')
    const second = assert.rejects(ask(), OrderRefusedError)
    await until(() => contributor.contributor?.capacity().queued === 1)
    replace()
    gate.resolve()
    assert.equal(textOf(await first), 'answered')
    await second
    assert.equal(server.to('/api/chat').length, 1)
  })

  it('is offered with its new digest, which receipts then name', async () => {
    gate.resolve()
    await ask()
    replace()
    await ask().catch(() => undefined)
    await eventually(consumer.directory, 'change', () => digestKnown()?.endsWith(NEW) === true)
    const end = (await ask()).at(-1)
    assert.ok(end?.type === 'end' && end.receipt)
    assert.match((await open(RECEIPT, end.receipt)).digest ?? '', new RegExp(`${NEW}$`))
  })
})
