import { loadQuic, type Libp2pInit } from '../libp2p.ts'
import { protectorKey } from '../membership/index.ts'
import type { MeshConfig } from './mesh-config.ts'

/** What the settings say of the network, in the composition root's terms. */
export async function libp2pSettings(config: MeshConfig): Promise<Omit<Libp2pInit, 'privateKey'>> {
  const meshKey = config.membership === undefined ? undefined : protectorKey(config.membership)
  // A private mesh's key cannot be enforced on QUIC: it is off there.
  const quic = meshKey === undefined ? await loadQuic() : undefined
  return {
    ...(config.listen === undefined ? {} : { listen: [...config.listen] }),
    announce: [...config.announce],
    ...(meshKey === undefined ? {} : { meshKey }),
    ...(quic === undefined ? {} : { quic }),
    mdns: config.mdns,
    lanOnly: config.lanOnly,
    upnp: config.upnp,
    relayLimits: { ...config.relayLimits }
  }
}
