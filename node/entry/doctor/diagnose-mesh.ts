import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { pEvent } from 'p-event'
import { subscribeInfo } from '../../../protocols/index.ts'
import { ProviderRecords, RelayKeeper } from '../../discovery/index.ts'
import { onServerFound } from '../../patches/index.ts'
import { explainListen } from '../../errors.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../libp2p.ts'
import { Outside } from './diagnose-outside.ts'
import { because, fail, ok, skip, warn, type Finding } from './diagnosis.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import { isOwned } from '../../membership/index.ts'
import { meshAuthority } from '../mesh-authority.ts'
import { libp2pSettings } from '../libp2p-settings.ts'
import type { MeshConfig } from '../mesh-config.ts'
import type { Runtime } from '../runtime-file.ts'

/** Longest wait for a peer, a table or a place, in milliseconds. */
const PATIENCE_MS = 6000

/** Clocks further apart than this make announcements stale soon, in milliseconds; beyond five minutes they are refused. */
const SKEW_MS = 60_000

/** Checks that need a connected peer. */
const WITH_PEERS = ['dht', 'relays', 'nat', 'reachable', 'clock']

/**
 * Looks at the mesh with the eyes of a node that is made for this, with a key of its own, and is gone after it.
 * `running` is what the home's own node wrote, if it runs: the ports are its, then.
 */
export async function diagnoseMesh(config: MeshConfig, running?: Runtime): Promise<Finding[]> {
  if (config.bootstrap.length === 0) {
    const mesh = config.membership?.name
    return [
      warn(
        'bootstrap',
        mesh === undefined
          ? 'not in a mesh: the node contacts nobody'
          : `this home belongs to the mesh "${mesh}", and knows no address to join it by`,
        mesh === undefined
          ? 'join one: lobstah-node join, or --bootstrap <multiaddr>'
          : "its first relay needs none; others need --bootstrap <multiaddr>, or another member's invite"
      ),
      ...WITH_PEERS.map((check) => skip(check, 'no mesh is joined'))
    ]
  }
  if (running !== undefined && isOwned(config.membership))
    return WITH_PEERS.map((check) =>
      skip(check, 'the node that runs is the member: see "lobstah-node peers"')
    )
  const own = running === undefined ? ownListen(config) : []
  const listen = [...own, '/p2p-circuit']
  // Strangers are told nothing by a mesh that has an owner.
  const privateKey = isOwned(config.membership)
    ? (await loadOrCreateIdentity(join(config.home, 'identity.key'))).privateKey
    : await generateKeyPair('Ed25519')
  const mesh = await meshAuthority(config.home, config.membership, privateKey)
  mesh.stop()
  const settings = await libp2pSettings(config, mesh.authority)
  const libp2p = await createLobstahLibp2p({
    ...settings,
    announce: [],
    mdns: false,
    upnp: false,
    privateKey,
    listen
  })
  const log = defaultLogger().forComponent('lobstah:doctor')
  const relays = new RelayKeeper({ listen }, { libp2p, log })
  const outside = new Outside({ config, running, libp2p, log })
  relays.start()
  try {
    await outside.start()
    await libp2p.start()
    const reached = await bootstrap(libp2p, config)
    if (reached.every(({ status }) => status === 'fail'))
      return [...reached, ...WITH_PEERS.map((check) => skip(check, 'nobody is reached'))]
    const known = dht(libp2p)
    const looks = [
      known.then((finding) => [finding]),
      places(libp2p, relays).then((finding) => [finding]),
      outside.look(),
      known.then(async () => [await clock(libp2p)])
    ]
    return [...reached, ...(await Promise.all(looks)).flat()]
  } catch (err) {
    throw explainListen(err)
  } finally {
    await outside.stop()
    await relays.stop()
    await libp2p.stop()
  }
}

/** Where the home's node would listen, as far as it could be dialled. */
function ownListen({ listen, contribute, relay }: MeshConfig): string[] {
  const addresses = listen ?? (contribute || relay ? ['/ip4/0.0.0.0/tcp/0'] : [])
  return addresses.filter((text) => !text.includes('/p2p-circuit'))
}

async function bootstrap(
  libp2p: LobstahLibp2p,
  { bootstrap: peers, membership }: MeshConfig
): Promise<Finding[]> {
  // By peer in turn: libp2p joins a dial to one that is under way to the same peer, whatever its address.
  const byPeer = Object.values(Object.groupBy(peers, (text) => text.split('/p2p/').at(-1) ?? ''))
  const look = async (address: string): Promise<Finding> => {
    const from = performance.now()
    try {
      // An open connection says nothing of this address.
      await libp2p.dial(multiaddr(address), { signal: AbortSignal.timeout(PATIENCE_MS), force: true })
      return ok('bootstrap', `${address} answers in ${Math.round(performance.now() - from)} ms`)
    } catch (err) {
      const key =
        membership?.key === undefined
          ? '; in a private mesh, join by an invite (lobstah-node join)'
          : ', and whether it is in the same private mesh'
      return fail(
        'bootstrap',
        `${address} is not reached: ${because(err)}`,
        `check that it runs, that its address is right and that no firewall blocks it${key}`
      )
    }
  }
  const found = await Promise.all(
    byPeer.map(async (addresses = []) => {
      const findings: Finding[] = []
      for (const address of addresses) findings.push(await look(address))
      return findings
    })
  )
  return found.flat()
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
    'no DHT server is known: peers cannot be found',
    'use a bootstrap peer that is a relay or reachable from outside: only those are DHT servers'
  )
}

async function places(libp2p: LobstahLibp2p, relays: RelayKeeper): Promise<Finding> {
  const held = (): number => relays.held().length
  const wanted = (): number => Math.min(2, Math.max(1, relays.known))
  if (held() < wanted())
    await pEvent(libp2p, 'transport:listening', {
      filter: () => held() >= wanted(),
      timeout: PATIENCE_MS
    }).catch(() => undefined)
  if (held() >= 2) return ok('relays', `${held()} relays give a place`)
  if (held() === 1)
    return warn(
      'relays',
      'this node has a place on only one relay: while that is down, the node is unreachable',
      'add a second relay to the mesh'
    )
  return fail(
    'relays',
    'this node has no place on a relay: behind a NAT it is unreachable',
    'join through a relay (lobstah-node relay), and check whether it has places left: --relay-limits'
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
