import { join } from 'node:path'
import { addressKind } from '../addresses/index.ts'
import type { Config } from '../config/index.ts'
import type { RendezvousInit } from '../rendezvous/index.ts'
import { CommandError, EXIT } from './errors.ts'
import type { MeshConfig } from './mesh-config.ts'

/** Whether the node looks for peers at trackers or Nostr relays. */
export function finds({ discover, tracker, nostr }: Config): boolean {
  return discover && tracker.length + nostr.length > 0
}

/**
 * What the node does at trackers and Nostr relays, in the composition root's terms; undefined where that is nothing.
 * Throws CommandError where that would leave the local network against `lanOnly`.
 */
export function rendezvousSettings(config: MeshConfig, relays = config.relay): RendezvousInit | undefined {
  const { tracker, nostr, advertise, contribute, lanOnly, loopbackPeers, membership } = config
  const announces = advertise && (contribute || relays)
  if (tracker.length + nostr.length === 0 || (!announces && !finds(config))) return undefined
  requireLocal(config, [...tracker, ...nostr])
  return {
    trackers: tracker,
    nostr,
    nostrKeyFile: join(config.home, 'nostr.key'),
    announces,
    finds: finds(config),
    // Those of a private mesh are sealed to its members.
    privateAddresses: lanOnly || membership?.key !== undefined,
    loopbackPeers
  }
}

/** Throws CommandError where `lanOnly` is set and a URL may lead outside. */
export function requireLocal({ lanOnly }: Config, urls: readonly string[]): void {
  const outside = lanOnly ? urls.find((url) => !isLocal(url)) : undefined
  if (outside === undefined) return
  throw new CommandError(
    `--lan-only keeps to the local network, but ${outside} may be outside: name the tracker or Nostr relay by a private IP address`,
    EXIT.usage
  )
}

/** Warnings about settings that have no effect, as sentences. */
export function rendezvousWarnings(config: MeshConfig, relays = config.relay): string[] {
  const { discover, tracker, nostr, contribute } = config
  if (tracker.length + nostr.length === 0)
    return discover ? ['--discover needs a --tracker or a --nostr relay to find peers through'] : []
  if (finds(config) || contribute || relays) return []
  return [
    'the trackers and Nostr relays are not contacted: --discover finds peers through them, --contribute announces this node to them'
  ]
}

function isLocal(url: string): boolean {
  const kind = addressKind(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  return kind === 'private' || kind === 'loopback' || kind === 'link-local'
}
