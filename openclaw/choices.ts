import { DEFAULT_BASE_URL, PROVIDER } from './constants.ts'
import type { HostConfig } from './host.ts'
import { record } from './models.ts'

/** Whose engines are asked and who may use this one: the peers that are named, or any of the mesh. */
export type Access = 'friends' | 'mesh'

/** The choices made at onboarding, kept in `plugins.entries.lobstah.config`. */
export interface Choices {
  /** The gateway's base URL, ended by /v1. */
  baseUrl: string
  /** Consume from the mesh. */
  discover: boolean
  /** Serve this machine's models to the mesh. */
  contribute: boolean
  /** Multiaddrs to join by, beside the mesh that the node's home belongs to. */
  bootstrap: string[]
  access: Access
  /** Peer ids. */
  friends: string[]
  /** Find peers through the trackers and Nostr relays. */
  find: boolean
  /** Announce the node to them. */
  advertise: boolean
  /** URLs. */
  tracker: string[]
  nostr: string[]
}

/** The choices known before anybody is asked: addresses may still be invites, and access may be open. */
export type KnownChoices = Omit<Choices, 'access'> & { access: Access | undefined }

/** The earlier choices, else those of the `LOBSTAH_…` variables, else no to everything. */
export function currentChoices(config: HostConfig, env: NodeJS.ProcessEnv): KnownChoices {
  const kept = record(record(record(config.plugins?.entries)[PROVIDER]).config)
  const provider = record(record(config.models?.providers)[PROVIDER])
  const places = {
    tracker: list(kept.tracker ?? env.LOBSTAH_TRACKER),
    nostr: list(kept.nostr ?? env.LOBSTAH_NOSTR)
  }
  // Variables mean what they mean to the node: a named place is used for what is opted into.
  const named = env.LOBSTAH_TRACKER !== undefined || env.LOBSTAH_NOSTR !== undefined
  return {
    baseUrl: text(provider.baseUrl) ?? text(kept.baseUrl) ?? DEFAULT_BASE_URL,
    discover: flag(kept.discover ?? env.LOBSTAH_DISCOVER),
    contribute: flag(kept.contribute ?? env.LOBSTAH_CONTRIBUTE),
    bootstrap: list(kept.bootstrap ?? env.LOBSTAH_BOOTSTRAP),
    access: accessOf(kept.access ?? env.LOBSTAH_ASK_ACCESS),
    friends: list(kept.friends ?? env.LOBSTAH_FRIENDS),
    find: flag(kept.find ?? (named && flag(env.LOBSTAH_DISCOVER))),
    advertise: flag(
      kept.advertise ?? (named && flag(env.LOBSTAH_CONTRIBUTE) && flag(env.LOBSTAH_ADVERTISE ?? true))
    ),
    ...places
  }
}

/** The answers as openclaw.json keeps them: of those that a no has made void nothing is left. */
export function keptChoices({ baseUrl, discover, contribute, ...mesh }: Choices): Record<string, unknown> {
  const none = Object.fromEntries(Object.keys(mesh).map((name) => [name, undefined]))
  return { baseUrl, discover, contribute, ...(discover || contribute ? mesh : none) }
}

/** The peer that an address leads to, which is most often the friend who gave it. */
export function peersOf(bootstrap: string[]): string[] {
  const ids = bootstrap.filter(isAddress).map((address) => /\/p2p\/([^/]+)$/.exec(address)?.[1])
  return [...new Set(ids.filter((id) => id !== undefined))]
}

/** Several values in one text, by commas or spaces. */
export function split(value: string): string[] {
  return value.split(/[\s,]+/).filter((item) => item !== '')
}

/** Describes the first malformed address or invite, if there is one. The node itself checks them fully. */
export function addressProblem(value: string): string | undefined {
  const wrong = split(value).find((item) => !/^lobstah[12]\w+$|^\/.*\/p2p\/[1-9A-HJ-NP-Za-km-z]+$/.test(item))
  if (wrong === undefined) return undefined
  return isAddress(wrong)
    ? `${wrong}: an address must end in the peer's id, such as /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…`
    : `${wrong}: expected an invite, which begins with lobstah1 or lobstah2, or an address, which begins with /`
}

/** Describes the first malformed peer id, if there is one. */
export function friendsProblem(value: string): string | undefined {
  const wrong = split(value).find((item) => !/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(item))
  return wrong && `${wrong}: expected peer ids such as 12D3KooW…, which "lobstah-node identity" prints`
}

/** A base URL as OpenClaw needs it: with /v1, without a slash at its end; undefined when it is none. */
export function toBaseUrl(value: string): string | undefined {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return undefined
  const url = new URL(value)
  const path = url.pathname.replace(/\/+$/, '')
  return url.origin + (path === '' ? '/v1' : path)
}

/** Describes the first malformed URL of a tracker, if there is one. */
export function trackerProblem(value: string): string | undefined {
  const wrong = split(value).find((item) => !/^https?:\/\//.test(item) || !URL.canParse(item))
  return wrong && `${wrong}: expected the URL of a tracker, such as https://tracker.example`
}

/** Describes the first malformed URL of a Nostr relay, if there is one. */
export function nostrProblem(value: string): string | undefined {
  const wrong = split(value).find((item) => !/^wss?:\/\//.test(item) || !URL.canParse(item))
  return wrong && `${wrong}: expected the URL of a Nostr relay, such as wss://relay.example`
}

/** Whether it is meant as a multiaddr, and not as an invite. */
export function isAddress(value: string): boolean {
  return value.startsWith('/')
}

function accessOf(value: unknown): Access | undefined {
  return value === 'friends' || value === 'mesh' ? value : undefined
}

function flag(value: unknown): boolean {
  return value === true || value === 'true' || value === '1'
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function list(value: unknown): string[] {
  if (typeof value === 'string') return split(value)
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
