import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { configFile, resolveConfig, trackerUrl, writeConfig, type Config } from '../../config/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../libp2p.ts'
import type { Presence } from '../../../protocols/presence/presence.ts'
import { CommandError, EXIT } from '../errors.ts'
import { libp2pSettings } from '../libp2p-settings.ts'
import { meshConfig } from '../mesh-config.ts'
import { table, type Output } from '../output.ts'
import { requireLocal } from '../rendezvous-settings.ts'

/** Peers that one sync adds: a node keeps a connection to each. */
const MAX_ADDED = 8

/** Peers that one sync contacts, and of those at the same time. */
const MAX_CONTACTED = 32
const CONTACTED_AT_ONCE = 8

/** Longest dial of one peer, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000

const EFFECT = 'A node that runs on this home uses this after a restart.'

/** Adds a peer to those that the mesh is joined through. Throws ConfigError where it is no address of a peer. */
export async function addPeer(config: Config, address: string, output: Output): Promise<void> {
  const bootstrap = [...new Set([...bootstrapInFile(config.home), address])]
  await writeConfig(config.home, { bootstrap })
  output.result({ bootstrap }, () => `Added ${address} to ${configFile(config.home)}. ${EFFECT}`)
}

/** Removes a peer from those that the mesh is joined through, by an address or by its id. */
export async function removePeer(config: Config, peer: string, output: Output): Promise<void> {
  const before = bootstrapInFile(config.home)
  const bootstrap = before.filter((address) => address !== peer && peerOf(address) !== peer)
  if (bootstrap.length === before.length)
    throw new CommandError(
      before.length === 0
        ? `There is no peer in ${configFile(config.home)}: add one with "lobstah-node peers add <multiaddr>"`
        : `${peer} is not in ${configFile(config.home)}, which has:\n${before.join('\n')}`,
      EXIT.usage
    )
  await writeConfig(config.home, { bootstrap })
  output.result({ bootstrap }, () => `Removed ${peer} from ${configFile(config.home)}. ${EFFECT}`)
}

/** Fetches the peers of a tracker once, contacts them, and adds those that answer. */
export async function syncPeers(settings: Config, url: string, output: Output): Promise<void> {
  const parsed = trackerUrl.safeParse(url)
  if (!parsed.success)
    throw new CommandError(`${url}: expected ${parsed.error.issues[0]?.message ?? 'a URL'}`, EXIT.usage)
  const config = await meshConfig(settings)
  requireLocal(config, [url])
  const { TrackerBoard, RendezvousError, addressesOf } = await import('../../rendezvous/index.ts')
  // A key of its own: the node of this home may be running.
  const privateKey = await generateKeyPair('Ed25519')
  const network = await libp2pSettings(config, undefined)
  const board = new TrackerBoard(
    { url },
    {
      privateKey,
      peer: peerIdFromPrivateKey(privateKey).toString(),
      meshKeys: network.meshKeys ?? (() => []),
      now: Date.now
    }
  )
  const known = bootstrapInFile(config.home)
  let found: Presence[]
  try {
    found = await board.find({ signal: AbortSignal.timeout(60_000) })
  } catch (err) {
    if (!(err instanceof RendezvousError)) throw err
    throw new CommandError(err.message, EXIT.unavailable, { cause: err })
  }
  const met = new Map<string, string>()
  const libp2p = await createLobstahLibp2p({
    ...network,
    privateKey,
    listen: [],
    announce: [],
    mdns: false,
    upnp: false
  })
  try {
    await libp2p.start()
    const candidates = found
      .filter(({ peer }) => !known.some((address) => peerOf(address) === peer))
      // Through a relay all others are found.
      .toSorted((a, b) => Number(b.relay) - Number(a.relay))
      .slice(0, MAX_CONTACTED)
      .map((presence) => ({ peer: presence.peer, addresses: addressesOf(presence, presence.peer) }))
    const workers = Array.from({ length: CONTACTED_AT_ONCE }, async () => {
      for (
        let next = candidates.shift();
        next !== undefined && met.size < MAX_ADDED;
        next = candidates.shift()
      ) {
        const address = await contacted(libp2p, next.addresses)
        if (address !== undefined && met.size < MAX_ADDED) met.set(next.peer, address)
      }
    })
    await Promise.all(workers)
  } finally {
    await libp2p.stop()
  }
  const added = [...met.values()]
  if (added.length > 0) await writeConfig(config.home, { bootstrap: [...new Set([...known, ...added])] })
  output.result({ found: found.length, added }, () =>
    added.length === 0
      ? `The tracker lists ${found.length} peer(s) of this mesh; there is no new one that can be reached.`
      : [
          `The tracker lists ${found.length} peer(s) of this mesh. Added those that answered to ${configFile(config.home)}:`,
          table([...met].map(([peer, address]) => [peer, address])),
          EFFECT
        ].join('\n')
  )
}

/** The address at which a peer has proved its identity; undefined where it cannot be reached, or must not be dialled. */
async function contacted(libp2p: LobstahLibp2p, addresses: Multiaddr[]): Promise<string | undefined> {
  if (addresses.length === 0) return undefined
  try {
    const { remoteAddr, remotePeer } = await libp2p.services.dials.dialTold(addresses, {
      signal: AbortSignal.timeout(DIAL_TIMEOUT_MS)
    })
    const text = remoteAddr.toString()
    return peerOf(text) === remotePeer.toString() ? text : `${text}/p2p/${remotePeer.toString()}`
  } catch {
    return undefined
  }
}

/** The peers to join by in a home's config.json, whatever flags and variables say. Throws ConfigError. */
function bootstrapInFile(home: string): readonly string[] {
  return resolveConfig({ flags: { home }, env: {}, homeDir: home }).bootstrap
}

/** The peer that an address leads to; undefined for an invite. */
function peerOf(address: string): string | undefined {
  try {
    return multiaddr(address)
      .getComponents()
      .findLast(({ name }) => name === 'p2p')?.value
  } catch {
    return undefined
  }
}
