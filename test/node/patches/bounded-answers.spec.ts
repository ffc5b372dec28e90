import assert from 'node:assert/strict'
import { LyingServer } from '../../support/lying-server.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../../support/mesh.ts'
import { ScriptedEngine, say } from '../../support/scripted-engine.ts'

describe('node/patches/bounded-answers', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let liar: LyingServer | undefined
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
    await liar?.stop()
  })

  it('finds a contributor although a server names many that it made up', async () => {
    const relay = await mesh.relay()
    const contributor = await mesh.node({
      bootstrap: addressesOf(relay),
      engine: new ScriptedEngine(() => say(['fine'])),
      contribute: true,
      listen: ['/p2p-circuit']
    })
    await until(() => contributor.relays.held().length > 0)
    liar = await LyingServer.start('providers', 600)
    const bootstrap = [...liar.libp2p.getMultiaddrs().map(String), ...addressesOf(relay)]
    const consumer = await mesh.node({ bootstrap, punch: false })
    await until(() => (liar?.dials ?? 0) > 0)
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('hello')))), 'fine')
  })
})
