import { loadQuic, type Libp2pInit } from '../libp2p.ts'
import type { Authority } from '../membership/index.ts'
import type { MeshConfig } from './mesh-config.ts'
import { finds } from './rendezvous-settings.ts'

/** The settings of the network, in the composition root's terms; `authority` where the mesh has an owner. */
export async function libp2pSettings(
  config: MeshConfig,
  authority: Authority | undefined
): Promise<Omit<Libp2pInit, 'privateKey'>> {
  const key = config.membership?.key
  const keys = (): string[] => authority?.keys ?? (key === undefined ? [] : [key])
  // A private mesh's key cannot be enforced on QUIC: it is off there.
  const quic = key === undefined && meets(config) ? await loadQuic() : undefined
  return {
    ...(config.listen === undefined ? {} : { listen: [...config.listen] }),
    announce: [...config.announce],
    ...(key === undefined ? {} : { meshKeys: () => keys().map((text) => Buffer.from(text, 'base64url')) }),
    ...(authority === undefined ? {} : { authority }),
    ...(quic === undefined ? {} : { quic }),
    mdns: config.mdns,
    lanOnly: config.lanOnly,
    loopbackPeers: config.loopbackPeers,
    upnp: config.upnp,
    relayLimits: { ...config.relayLimits }
  }
}

/** Whether the node can meet a peer: QUIC's library takes 17 MB. */
function meets(config: MeshConfig): boolean {
  const { bootstrap, contribute, listen, mdns, relay } = config
  return finds(config) || contribute || relay || mdns || listen !== undefined || bootstrap.length > 0
}
