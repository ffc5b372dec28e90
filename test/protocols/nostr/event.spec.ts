import assert from 'node:assert/strict'
import { finalizeEvent, getPublicKey, verifyEvent } from 'nostr-tools/pure'
import {
  presenceEvent,
  presenceFilter,
  readPresenceEvent,
  withdrawalEvent
} from '../../../protocols/nostr/index.ts'
import { PRESENCE, meshTag, type Presence } from '../../../protocols/presence/index.ts'
import { seal } from '../../../protocols/records/index.ts'
import { assertGolden } from '../../support/golden.ts'
import { aPresence } from '../../support/presences.ts'
import { CONTRIBUTOR, NOW, STRANGER } from '../../support/records.ts'

const SECRET = new Uint8Array(32).fill(5)
const PUBKEY = getPublicKey(SECRET)
const KEY = new Uint8Array(32).fill(7)

async function anEvent(
  changes: Partial<Presence> = {},
  { secret = SECRET, meshKey = undefined as Uint8Array | undefined, by = CONTRIBUTOR } = {}
): Promise<ReturnType<typeof presenceEvent>> {
  const presence = aPresence({ nostr: PUBKEY, mesh: meshTag(meshKey), peer: by.peer, ...changes })
  const record = await seal(PRESENCE, presence, by.privateKey)
  return presenceEvent(record, presence, secret, meshKey, new Uint8Array(32).fill(9))
}

/** An event without its author's signature, which is made with a random number. */
function unsigned({ id, pubkey, created_at, kind, tags, content }: ReturnType<typeof presenceEvent>): object {
  return { id, pubkey, created_at, kind, tags, content }
}

describe('protocols/nostr/event', () => {
  it('makes events as in their golden files', async () => {
    const open = await anEvent()
    const sealed = await anEvent({}, { meshKey: KEY })
    await assertGolden('nostr-presence', unsigned(open))
    await assertGolden('nostr-presence-private', {
      meshKey: Buffer.from(KEY).toString('base64url'),
      ...unsigned(sealed)
    })
    const gone = withdrawalEvent('public', PUBKEY, SECRET, NOW)
    await assertGolden('nostr-withdrawal', unsigned(gone))
    for (const event of [open, sealed, gone]) assert.ok(verifyEvent(event))
  })

  it('reads its own, in a private mesh with the key alone', async () => {
    const expected = aPresence({ nostr: PUBKEY })
    assert.deepEqual(await readPresenceEvent(plain(await anEvent()), [], NOW), expected)
    const sealed = plain(await anEvent({}, { meshKey: KEY }))
    const other = new Uint8Array(32).fill(8)
    const read = await readPresenceEvent(sealed, [other, KEY], NOW)
    assert.deepEqual(read, { ...expected, mesh: meshTag(KEY) })
    assert.equal(await readPresenceEvent(sealed, [], NOW), undefined)
    assert.equal(await readPresenceEvent(sealed, [other], NOW), undefined)
    assert.doesNotMatch(JSON.stringify(sealed), new RegExp(`198\\.51|scripted|${CONTRIBUTOR.peer}`))
  })

  it('takes no event whose two keys do not vouch for each other', async () => {
    const stranger = new Uint8Array(32).fill(6)
    // Somebody else's Nostr key around the peer's record, and the peer's key named by somebody else's record.
    assert.equal(await readPresenceEvent(plain(await anEvent({}, { secret: stranger })), [], NOW), undefined)
    assert.equal(await readPresenceEvent(plain(await anEvent({ nostr: undefined })), [], NOW), undefined)
    const event = plain(await anEvent())
    const sig = event.sig.replace(/^./, (letter) => (letter === '0' ? '1' : '0'))
    assert.equal(await readPresenceEvent({ ...event, sig }, [], NOW), undefined)
    const foreign = await seal(PRESENCE, aPresence({ nostr: PUBKEY }), STRANGER.privateKey)
    const forged = presenceEvent(foreign, aPresence(), SECRET, undefined)
    assert.equal(await readPresenceEvent(plain(forged), [], NOW), undefined)
  })

  it('takes no event that is expired, from the future, of another mesh or kind, too long or no event', async () => {
    const event = plain(await anEvent())
    assert.equal(await readPresenceEvent(event, [], NOW + 600_000), undefined)
    assert.equal(await readPresenceEvent(event, [], NOW - 400_000), undefined)
    const again = (changes: object): unknown => plain(finalizeEvent({ ...event, ...changes }, SECRET))
    const tags = event.tags
    for (const wrong of [
      { kind: 1 },
      { tags: [] },
      { tags: tags.filter(([name]) => name !== 'expiration') },
      { tags: tags.map(([name = '', value = '']) => [name, name === 'd' ? 'other' : value]) },
      { tags: Array.from({ length: 17 }, () => ['t', 'x']).concat(tags) },
      { content: '' },
      { content: 'x'.repeat(20_000) }
    ])
      assert.equal(
        await readPresenceEvent(again(wrong), [], NOW),
        undefined,
        JSON.stringify(wrong).slice(0, 80)
      )
    for (const wrong of [undefined, null, 1, 'EVENT', [], {}])
      assert.equal(await readPresenceEvent(wrong, [], NOW), undefined)
  })

  it('asks relays for the events of its own meshes alone', () => {
    assert.deepEqual(presenceFilter([], 9), { kinds: [37_475], '#t': ['lobstah-public'], limit: 9 })
    assert.deepEqual(presenceFilter([KEY], 9)['#t'], [`lobstah-${meshTag(KEY)}`])
  })
})

/** An event as it comes from a relay: without nostr-tools' note that it was verified. */
function plain(event: ReturnType<typeof presenceEvent>): ReturnType<typeof presenceEvent> {
  return JSON.parse(JSON.stringify(event)) as ReturnType<typeof presenceEvent>
}
