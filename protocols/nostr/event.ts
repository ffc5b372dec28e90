import { finalizeEvent, verifyEvent, type VerifiedEvent } from 'nostr-tools/pure'
import { z } from 'zod'
import { CLOCK_SKEW_MS } from '../constants.ts'
import { PRESENCE, holdsNow, meshTag, sealForMesh, unsealForMesh, type Presence } from '../presence/index.ts'
import { open, signedRecord, type SignedRecord } from '../records/index.ts'

/** The kind of the events: addressable, so that a relay keeps one for each key and `d` tag. */
export const PRESENCE_KIND = 37_475

/** The kind by which an author asks for its events to be deleted (NIP-09). */
const DELETION_KIND = 5

/** Longest content of an event, in characters: a sealed record of 8 KiB. */
const MAX_CONTENT_LENGTH = 16_384

const MAX_TAGS = 16

const hex = (letters: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${letters}}$`))

const eventSchema = z.object({
  id: hex(64),
  pubkey: hex(64),
  sig: hex(128),
  kind: z.literal(PRESENCE_KIND),
  created_at: z.number().int().min(0),
  tags: z.array(z.array(z.string().max(256)).max(8)).max(MAX_TAGS),
  content: z.string().max(MAX_CONTENT_LENGTH)
})

/** A filter for the events of a mesh, at most `limit` of them. */
export function presenceFilter(keys: readonly Uint8Array[], limit: number): Record<string, unknown> {
  return { kinds: [PRESENCE_KIND], '#t': tagsOf(keys).map(topic), limit }
}

/** Puts a presence into an event; in a private mesh, encrypted with the latest key. `nonce` is for test vectors. */
export function presenceEvent(
  record: SignedRecord,
  { mesh, issuedAt, expiresAt }: Presence,
  secretKey: Uint8Array,
  meshKey: Uint8Array | undefined,
  nonce?: Uint8Array
): VerifiedEvent {
  const text = JSON.stringify(record)
  return finalizeEvent(
    {
      kind: PRESENCE_KIND,
      created_at: Math.floor(issuedAt / 1000),
      tags: [
        ['d', mesh],
        ['t', topic(mesh)],
        ['expiration', String(Math.floor(expiresAt / 1000))]
      ],
      content: meshKey === undefined ? text : sealForMesh(text, meshKey, nonce)
    },
    secretKey
  )
}

/** Asks relays to delete this key's events about a mesh. */
export function withdrawalEvent(
  mesh: string,
  pubkey: string,
  secretKey: Uint8Array,
  now: number
): VerifiedEvent {
  return finalizeEvent(
    {
      kind: DELETION_KIND,
      created_at: Math.floor(now / 1000),
      tags: [
        ['a', `${PRESENCE_KIND}:${pubkey}:${mesh}`],
        ['k', String(PRESENCE_KIND)]
      ],
      content: ''
    },
    secretKey
  )
}

/**
 * The presence in an event of one of the node's meshes; undefined where it is none that holds. The cheap checks come
 * first: to verify an event's own signature takes milliseconds.
 */
export async function readPresenceEvent(
  value: unknown,
  keys: readonly Uint8Array[],
  now: number
): Promise<Presence | undefined> {
  const parsed = eventSchema.safeParse(value)
  if (!parsed.success) return undefined
  const event = parsed.data
  const mesh = tagOf(event.tags, 'd')
  const expiration = Number(tagOf(event.tags, 'expiration'))
  if (mesh === undefined || !tagsOf(keys).includes(mesh) || tagOf(event.tags, 't') !== topic(mesh))
    return undefined
  if (!(expiration * 1000 > now) || event.created_at * 1000 > now + CLOCK_SKEW_MS) return undefined
  const text = keys.length === 0 ? event.content : unsealForMesh(event.content, keys)
  try {
    const presence = await open(PRESENCE, signedRecord.parse(JSON.parse(text ?? '')))
    if (presence.nostr !== event.pubkey || presence.mesh !== mesh || !holdsNow(presence, now))
      return undefined
    return verifyEvent(event) ? presence : undefined
  } catch {
    return undefined
  }
}

/** The tags of the meshes with these keys: a mesh whose key was replaced has two for a while; a public one has its own. */
function tagsOf(keys: readonly Uint8Array[]): string[] {
  return keys.length === 0 ? [meshTag(undefined)] : keys.map(meshTag)
}

function topic(mesh: string): string {
  return `lobstah-${mesh}`
}

function tagOf(tags: readonly string[][], name: string): string | undefined {
  return tags.find(([first]) => first === name)?.[1]
}
