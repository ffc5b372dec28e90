import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { homeToken } from '../../../http-gateway/keys/home-token.ts'
import type { Config } from '../../config/index.ts'
import { farthestFirst, isPublicAddress } from '../../addresses/index.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import { createRelay, type Network } from '../../network.ts'
import { RELAY_LISTEN } from '../../relay/listening.ts'
import { openDatastore } from '../home-lock.ts'
import { libp2pSettings } from '../libp2p-settings.ts'
import { meshAuthority } from '../mesh-authority.ts'
import { logging } from '../logging.ts'
import { keepMembership, meshConfig, type MeshConfig } from '../mesh-config.ts'
import type { Output } from '../output.ts'
import { removeRuntime, writeRuntime } from '../runtime-file.ts'
import { inviteToken, makeInvite, meshOf } from './invite.ts'
import { startControl } from '../control/control-server.ts'
import { reportRelay } from '../control/report-node.ts'
import { rendezvousSettings, rendezvousWarnings } from '../rendezvous-settings.ts'
import { stopSignal } from '../stop-signal.ts'
import { startTracker } from '../tracker-server.ts'

export interface RelayFlags {
  /** Name of the private mesh to relay for, made where the home has none. */
  private?: string
}

/** Runs a relay until it is told to stop: no gateway, no engine, no ledger. */
export async function relay(settings: Config, flags: RelayFlags, output: Output): Promise<void> {
  const stopping = stopSignal()
  const datastore = await openDatastore(settings.home)
  try {
    // Left behind by a crash: the ports that it names may belong to other programs by now.
    await removeRuntime(settings.home)
    if (flags.private !== undefined) await meshOf(settings, { name: flags.private })
    const config = await meshConfig(settings)
    await keepMembership(config)
    const identity = await loadOrCreateIdentity(join(config.home, 'identity.key'))
    for (const warning of identity.warnings) output.note(`Warning: ${warning}`)
    const mesh = await meshAuthority(config.home, config.membership, identity.privateKey)
    const network = await libp2pSettings(config, mesh.authority)
    if (network.quic === undefined && network.meshKeys === undefined)
      output.note('QUIC is not available for this machine: the relay listens on TCP and WebSocket.')
    const rendezvous = rendezvousSettings(config, true)
    for (const warning of rendezvousWarnings(config, true)) output.note(`Warning: ${warning}`)
    const logger = logging({ level: config.logLevel, json: config.json, file: config.logFile }).components
    const node = await createRelay({
      ...network,
      ...(rendezvous === undefined ? {} : { rendezvous }),
      privateKey: identity.privateKey,
      datastore,
      ...(config.stunPort === undefined ? {} : { stunPort: config.stunPort }),
      bootstrap: [...config.bootstrap],
      logger
    })
    await node.start()
    const control = await startControl({
      token: await homeToken(config.home),
      report: () => Promise.resolve(reportRelay(node.libp2p, config, stopping.isRequested)),
      stop: () => stopping.request()
    })
    let tracker: Awaited<ReturnType<typeof startTracker>>
    try {
      tracker = await startTracker(config, logger)
      const addresses = (): string[] => farthestFirst(node.libp2p.getMultiaddrs().map(String))
      const remember = (): Promise<void> =>
        writeRuntime(config.home, {
          pid: process.pid,
          gateway: null,
          control: control.url,
          peer: node.libp2p.peerId.toString(),
          addresses: addresses()
        })
      await remember()
      const facts = {
        peer: node.libp2p.peerId.toString(),
        addresses: addresses(),
        stun: node.stunPorts(),
        tracker: tracker?.url ?? null,
        mesh: config.membership?.name ?? null,
        private: network.meshKeys !== undefined
      }
      // An invite opens the mesh: it is for a person's eyes, not for a log.
      const invite = process.stdout.isTTY && !output.json ? await inviteOf(config) : null
      output.event({ event: 'ready', ...facts }, () => welcome(facts, config, invite))
      const watch = (): void => {
        output.event({ event: 'addresses', addresses: addresses() }, () => undefined)
        void remember().catch((err: unknown) => output.note(`Warning: ${String(err)}`))
      }
      node.libp2p.addEventListener('self:peer:update', watch)
      await stopping.requested
      node.libp2p.removeEventListener('self:peer:update', watch)
      output.event({ event: 'stopping' }, () => 'Stopping.')
    } finally {
      mesh.stop()
      await tracker?.stop()
      await removeRuntime(config.home)
      await control.close()
      await node.stop()
    }
  } finally {
    await datastore.close()
  }
  output.event({ event: 'stopped' }, () => 'Stopped.')
}

/** An invite to the mesh that is relayed for; null in a public one, and where there is no address to give. */
async function inviteOf(config: MeshConfig): Promise<string | null> {
  if (config.membership === undefined) return null
  try {
    return await inviteToken(config, await makeInvite(config, config.membership, {}), {})
  } catch {
    return null
  }
}

interface RelayFacts {
  peer: string
  addresses: string[]
  stun: ReturnType<Network['stunPorts']>
  /** Where the tracker listens, if the relay runs one. */
  tracker: string | null
  mesh: string | null
  private: boolean
}

function welcome(facts: RelayFacts, config: MeshConfig, invite: string | null): string {
  const lines = [`lobstah-node relay ${facts.peer}`]
  if (facts.mesh !== null) lines.push(`  mesh     ${facts.mesh}${facts.private ? ', private' : ''}`)
  for (const address of facts.addresses) lines.push(`  address  ${address}`)
  if (!facts.addresses.some((text) => isPublicAddress(multiaddr(text)))) {
    const [first = ''] = config.listen ?? RELAY_LISTEN
    const wanted = first.replace(/^\/ip4\/[^/]+/, '/ip4/<public IP>')
    lines.push(
      `  public   none is known yet. Say it (--announce ${wanted}), or join by it from outside: that tells it`
    )
  }
  const { udp, tcp } = facts.stun
  lines.push(`  stun     udp ${udp.join(', ')}${tcp === undefined ? '' : `; tcp ${tcp}`}`)
  if (facts.tracker !== null) lines.push(`  tracker  ${facts.tracker}`)
  const [address] = facts.addresses
  lines.push('', 'Others join by:')
  if (invite !== null) lines.push(`  lobstah-node join    and paste: ${invite}`)
  else if (facts.private)
    lines.push('  lobstah-node join    with what "lobstah-node invite" prints on this home')
  else lines.push(`  lobstah-node --bootstrap ${address ?? '<address>'}`)
  lines.push('', 'Press Ctrl-C to stop.')
  return lines.join('\n')
}
