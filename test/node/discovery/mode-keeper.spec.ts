import assert from 'node:assert/strict'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { ModeKeeper, type ModeKeeperComponents } from '../../../node/discovery/index.ts'

const PUBLIC = '/ip4/5.10.0.10/tcp/17476'

class StubLibp2p extends EventTarget {
  addresses: string[] = []
  modes: string[] = []
  readonly services = {
    dht: {
      getMode: (): string => this.modes.at(-1) ?? 'client',
      setMode: async (mode: string): Promise<void> => {
        this.modes.push(mode)
      }
    }
  }
  getMultiaddrs = () => this.addresses.map((text) => multiaddr(text))
  say(...addresses: string[]): void {
    this.addresses = addresses
    this.dispatchEvent(new Event('self:peer:update'))
  }
}

describe('node/discovery/mode-keeper', () => {
  let libp2p: StubLibp2p
  let keeper: ModeKeeper
  beforeEach(() => {
    libp2p = new StubLibp2p()
    keeper = new ModeKeeper({
      libp2p: libp2p as unknown as ModeKeeperComponents['libp2p'],
      log: defaultLogger().forComponent('test')
    })
    keeper.start()
  })

  it('serves the DHT while a public address is known to work, and else does not', async () => {
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    libp2p.say(PUBLIC)
    await settle()
    libp2p.say()
    await settle()
    libp2p.say('/dns4/relay.example/tcp/443/tls/ws')
    await settle()
    assert.deepEqual(libp2p.modes, ['server', 'client', 'server'])
    await keeper.stop()
  })

  it('does not for a private address, one of a carrier, or a relayed one', async () => {
    const relayed = `${PUBLIC}/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit`
    libp2p.say(
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/100.64.0.1/tcp/1',
      '/ip6/fe80::1/tcp/1',
      '/ip6/fd00::1/tcp/1',
      relayed
    )
    await keeper.stop()
    assert.deepEqual(libp2p.modes, [])
  })
})
