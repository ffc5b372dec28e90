import { generateKeyPair } from '@libp2p/crypto/keys'
import type { IdentifyResult } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { pEvent } from 'p-event'
import { subscribeInfo } from '../../protocols/index.ts'
import { ProviderRecords, RelayKeeper, isPublicAddress, onServerFound } from '../discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../libp2p.ts'
import { because, fail, ok, skip, warn, type Finding } from './diagnosis.ts'
import { libp2pSettings } from './libp2p-settings.ts'
import type { MeshConfig } from './mesh-config.ts'

/** Longest wait for a peer, a table or a place, in milliseconds. */
const PATIENCE_MS = 6000

/** Clocks further apart than this make announcements stale soon, in milliseconds; beyond five minutes they are refused. */
const SKEW_MS = 60_000

/** Looks at the mesh with the eyes of a node that is made for this, with a key of its own, and is gone after it. */
export async function diagnoseMesh(config: MeshConfig): Promise<Finding[]> {
  if (config.bootstrap.length === 0) {
    return [
      warn(
        'bootstrap',
        'no mesh is joined: nobody is contacted',
        'join one: lobstah-node join, or --bootstrap <multiaddr>'
      ),
      ...['dht', 'relays', 'nat', 'clock'].map((check) => skip(check, 'no mesh is joined'))
    ]
  }
  const listen = ['/p2p-circuit']
  const settings = await libp2pSettings(config)
  const libp2p = await createLobstahLibp2p({
    ...settings,
    announce: [],
    mdns: false,
    upnp: false,
    privateKey: await generateKeyPair('Ed25519'),
    listen
  })
  const log = defaultLogger().forComponent('lobstah:doctor')
  const relays = new RelayKeeper({ listen }, { libp2p, log })
  const seenAs = new Set<string>()
  libp2p.addEventListener('peer:identify', ({ detail }: CustomEvent<IdentifyResult>) => {
    if (detail.observedAddr !== undefined) seenAs.add(detail.observedAddr.toString())
  })
  relays.start()
  try {
    await libp2p.start()
    const reached = await bootstrap(libp2p, config)
    if (reached.every(({ status }) => status === 'fail'))
      return [
        ...reached,
        ...['dht', 'relays', 'nat', 'clock'].map((check) => skip(check, 'nobody is reached'))
      ]
    return [
      ...reached,
      await dht(libp2p),
      await places(libp2p, relays),
      nat([...seenAs]),
      await clock(libp2p)
    ]
  } finally {
    await relays.stop()
    await libp2p.stop()
  }
}

async function bootstrap(
  libp2p: LobstahLibp2p,
  { bootstrap: peers, membership }: MeshConfig
): Promise<Finding[]> {
  return await Promise.all(
    peers.map(async (address) => {
      const from = performance.now()
      try {
        await libp2p.dial(multiaddr(address), { signal: AbortSignal.timeout(PATIENCE_MS) })
        return ok('bootstrap', `${address} answers in ${Math.round(performance.now() - from)} ms`)
      } catch (err) {
        const key = membership?.key === undefined ? '' : ', and whether it is in the same private mesh'
        return fail(
          'bootstrap',
          `${address} is not reached: ${because(err)}`,
          `see whether it runs, whether its address is right and no firewall is between${key}`
        )
      }
    })
  )
}

async function dht(libp2p: LobstahLibp2p): Promise<Finding> {
  const table = libp2p.services.dht.routingTable
  const { promise, resolve } = Promise.withResolvers<void>()
  const unwatch = onServerFound(libp2p.services.dht, resolve)
  const timer = setTimeout(resolve, PATIENCE_MS)
  if (table.size === 0) await promise
  clearTimeout(timer)
  unwatch()
  if (table.size > 0) return ok('dht', `${table.size} server(s) known`)
  return fail(
    'dht',
    'no DHT server is known: nobody can be found',
    'a bootstrap peer must be a relay, or reachable from outside: only those are DHT servers'
  )
}

async function places(libp2p: LobstahLibp2p, relays: RelayKeeper): Promise<Finding> {
  const held = (): number => relays.held().length
  if (held() === 0)
    await pEvent(libp2p, 'transport:listening', { filter: () => held() > 0, timeout: PATIENCE_MS }).catch(
      () => undefined
    )
  if (held() >= 2) return ok('relays', `${held()} relays give a place`)
  if (held() === 1)
    return warn(
      'relays',
      'one relay gives a place: while it is down, this node is not reached',
      'add a second relay to the mesh'
    )
  return fail(
    'relays',
    'no relay gives a place: behind a NAT this node is not reached',
    'join by a relay (lobstah-node relay), and see whether it has places left: --relay-limits'
  )
}

function nat(seen: string[]): Finding {
  const addresses = seen.map((text) => multiaddr(text)).filter(isPublicAddress)
  if (addresses.length === 0)
    return ok('nat', 'none on the way to those reached: all are on private networks')
  const hosts = [...new Set(addresses.map((address) => address.getComponents()[0]?.value ?? ''))]
  return ok(
    'nat',
    `seen from outside as ${hosts.join(', ')}${hosts.length > 1 ? ': more than one way out' : ''}`
  )
}

async function clock(libp2p: LobstahLibp2p): Promise<Finding> {
  const records = new ProviderRecords({ libp2p, log: defaultLogger().forComponent('lobstah:doctor') })
  const signal = AbortSignal.timeout(PATIENCE_MS)
  let problem: unknown
  try {
    for await (const peer of records.find(undefined, signal)) {
      try {
        const connection = libp2p.getConnections(peer)[0] ?? (await libp2p.dial(peer, { signal }))
        for await (const { issuedAt } of subscribeInfo(connection, { signal, now: Date.now })) {
          const skew = Math.abs(Date.now() - issuedAt)
          if (skew <= SKEW_MS) return ok('clock', `agrees with ${peer.toString()}'s`)
          const seconds = Math.round(skew / 1000)
          return warn('clock', `${seconds} s apart from ${peer.toString()}'s`, 'set the clock by NTP')
        }
      } catch (err) {
        problem = err
        if (because(err).includes('clock'))
          return fail(
            'clock',
            `more than five minutes apart from ${peer.toString()}'s`,
            'set the clock by NTP'
          )
      }
    }
  } catch (err) {
    problem = err
  }
  return skip(
    'clock',
    `no contributor to compare with${problem === undefined ? '' : `: ${because(problem)}`}`
  )
}
