import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as varint from 'uint8-varint'
import {
  ANNOUNCEMENT,
  ANNOUNCEMENT_TTL_MS,
  FrameStream,
  INFO_PROTOCOL,
  INFO_TIMEOUT_MS,
  InvalidFrameError,
  InvalidRecordError,
  MAX_ANNOUNCED_MODELS,
  MAX_FRAME_BYTES,
  PeerLostError,
  encodeJson,
  seal,
  serveInfo,
  subscribeInfo,
  type Announcement,
  type SignedRecord
} from '../../../protocols/index.ts'
import type { LobstahLibp2p } from '../../../node/libp2p.ts'
import { createLobstahLibp2p } from '../../../node/libp2p.ts'
import { INFO_FRAME, onTheWire } from '../../support/frames.ts'
import { assertGolden } from '../../support/golden.ts'
import { until } from '../../support/mesh.ts'
import { CONTRIBUTOR, MODEL, NOW, STRANGER, anAnnouncement } from '../../support/records.ts'

const announce = (changes: Partial<Announcement> = {}, signer = CONTRIBUTOR): Promise<SignedRecord> =>
  seal(ANNOUNCEMENT, anAnnouncement({ peer: signer.peer, ...changes }), signer.privateKey)

describe('protocols/info', () => {
  let subscriber: LobstahLibp2p
  let contributor: LobstahLibp2p
  let stop: AbortController
  let now: number

  before(async () => {
    subscriber = await createLobstahLibp2p({ loopbackPeers: true, privateKey: STRANGER.privateKey })
    contributor = await createLobstahLibp2p({
      loopbackPeers: true,
      privateKey: CONTRIBUTOR.privateKey,
      listen: ['/ip4/127.0.0.1/tcp/0']
    })
    await Promise.all([subscriber.start(), contributor.start()])
  })
  after(() => Promise.all([subscriber.stop(), contributor.stop()]))

  beforeEach(() => {
    stop = new AbortController()
    now = NOW
  })
  afterEach(async () => {
    stop.abort()
    await contributor.unhandle(INFO_PROTOCOL)
  })

  /** A subscription to a contributor that says what it wants. */
  async function subscribed(
    act: (frames: FrameStream) => Promise<unknown>
  ): Promise<AsyncGenerator<Announcement>> {
    await contributor.handle(
      INFO_PROTOCOL,
      (stream) => void act(new FrameStream(stream)).catch(() => undefined)
    )
    const connection = await subscriber.dial(contributor.getMultiaddrs())
    return subscribeInfo(connection, { signal: stop.signal, now: () => now })
  }

  /** A subscription to a contributor that sends these records. */
  const to = (...records: SignedRecord[]): Promise<AsyncGenerator<Announcement>> =>
    subscribed(async (frames) => {
      for (const announcement of records)
        await frames.write(encodeJson({ type: 'announcement', announcement }))
    })

  const next = async (announcements: AsyncGenerator<Announcement>): Promise<Announcement | undefined> =>
    (await announcements.next()).value as Announcement | undefined

  it('sends frames as in the golden file', async () => {
    await assertGolden('frame-info-announcement', onTheWire(INFO_FRAME))
  })

  it('yields what a contributor announces, one after another', async () => {
    const announcements = await to(await announce(), await announce({ sequence: NOW + 1, active: 1 }))
    assert.deepEqual(await next(announcements), anAnnouncement())
    assert.deepEqual(await next(announcements), anAnnouncement({ sequence: NOW + 1, active: 1 }))
    await announcements.return(undefined)
  })

  it('resets the stream when the subscriber has heard enough', async () => {
    const opened = Promise.withResolvers<FrameStream>()
    const announcements = await subscribed(async (frames) => {
      opened.resolve(frames)
      await frames.write(encodeJson(INFO_FRAME))
    })
    await next(announcements)
    await announcements.return(undefined)
    const { stream } = await opened.promise
    await until(() => stream.status === 'reset')
  })

  for (const sequence of [NOW, NOW - 1]) {
    it(`refuses a sequence that does not grow (${sequence - NOW})`, async () => {
      const announcements = await to(await announce(), await announce({ sequence }))
      await next(announcements)
      await assert.rejects(next(announcements), InvalidFrameError)
    })
  }

  it('takes an announcement of 5 minutes ago, or ahead, and refuses one of more', async () => {
    const at = (issuedAt: number): Promise<SignedRecord> =>
      announce({ issuedAt, expiresAt: issuedAt + ANNOUNCEMENT_TTL_MS })
    for (const skew of [-300_000, 300_000]) {
      assert.equal((await next(await to(await at(NOW + skew))))?.issuedAt, NOW + skew)
      await contributor.unhandle(INFO_PROTOCOL)
    }
    for (const skew of [-300_001, 300_001]) {
      await assert.rejects(next(await to(await at(NOW + skew))), InvalidFrameError)
      await contributor.unhandle(INFO_PROTOCOL)
    }
  })

  it('takes no announcement that holds for no time, and takes one for no longer than it holds', async () => {
    await assert.rejects(next(await to(await announce({ expiresAt: NOW }))), /has expired/)
    await contributor.unhandle(INFO_PROTOCOL)
    const announcements = await subscribed(async (frames) => {
      const announcement = await announce({ expiresAt: NOW + 50 })
      await frames.write(encodeJson({ type: 'announcement', announcement }))
      await frames.read()
    })
    await next(announcements)
    await assert.rejects(next(announcements), { name: 'TimeoutError' })
  })

  it("refuses somebody else's announcement, even a genuine one", async () => {
    await assert.rejects(next(await to(await announce({}, STRANGER))), InvalidRecordError)
  })

  it('refuses an announcement that somebody else signed', async () => {
    const record = await seal(ANNOUNCEMENT, anAnnouncement(), STRANGER.privateKey)
    await assert.rejects(next(await to(record)), InvalidRecordError)
  })

  it('refuses more models than may be announced', async () => {
    const models = Array.from({ length: MAX_ANNOUNCED_MODELS + 1 }, (_, i) => ({ ...MODEL, id: `m:${i}` }))
    await assert.rejects(next(await to(await announce({ models }))), InvalidRecordError)
  })

  for (const [name, bytes] of [
    ['malformed', Buffer.from('{')],
    ['of an unknown type', encodeJson({ ...INFO_FRAME, type: 'future' })],
    ['without a record', encodeJson({ type: 'announcement' })]
  ] as const) {
    it(`refuses a frame that is ${name}`, async () => {
      await assert.rejects(next(await subscribed((frames) => frames.write(bytes))), InvalidFrameError)
    })
  }

  it('refuses a frame of 2 MiB by its length alone', async () => {
    const announcements = await subscribed(async (frames) =>
      frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
    )
    await assert.rejects(next(announcements), InvalidFrameError)
  })

  it('says that the contributor is lost when the stream ends or is reset', async () => {
    for (const leave of [
      (frames: FrameStream) => frames.stream.close(),
      async (frames: FrameStream) => frames.stream.abort(new InvalidFrameError())
    ]) {
      const gate = Promise.withResolvers<undefined>()
      const announcements = await subscribed(async (frames) => {
        await frames.write(encodeJson(INFO_FRAME))
        await gate.promise
        await leave(frames)
      })
      await next(announcements)
      gate.resolve(undefined)
      await assert.rejects(next(announcements), PeerLostError)
      await contributor.unhandle(INFO_PROTOCOL)
    }
  })

  it('ends at its signal', async () => {
    const announcements = await to(await announce())
    await next(announcements)
    const waiting = next(announcements)
    stop.abort(new InvalidFrameError('enough'))
    await assert.rejects(waiting, { message: 'enough' })
  })

  for (const [name, after, deadlineMs] of [
    ['before the first announcement', 0, INFO_TIMEOUT_MS],
    ['for as long as an announcement holds', 1, ANNOUNCEMENT_TTL_MS]
  ] as const) {
    it(`gives up when nothing comes ${name}`, async () => {
      const opened = Promise.withResolvers<undefined>()
      const announcements = await subscribed(async (frames) => {
        opened.resolve(undefined)
        if (after > 0) await frames.write(encodeJson(INFO_FRAME))
      })
      const { timeout } = AbortSignal
      const passed = new AbortController()
      // Deadlines pass when this test says so.
      AbortSignal.timeout = (ms) =>
        ms === deadlineMs ? AbortSignal.any([passed.signal]) : timeout.call(AbortSignal, ms)
      try {
        for (let i = 0; i < after; i++) await next(announcements)
        const waiting = assert.rejects(next(announcements), { name: 'TimeoutError' })
        await opened.promise
        await subscriber.services.ping.ping(contributor.peerId)
        passed.abort(new DOMException('late', 'TimeoutError'))
        await waiting
      } finally {
        AbortSignal.timeout = timeout
      }
    })
  }

  it('throws nothing but InvalidFrameError and InvalidRecordError over what a contributor says', async () => {
    const good = await announce()
    const variants = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        fc.json().map((json) => Buffer.from(json)),
        fc
          .string()
          .map((payload) => Buffer.from(encodeJson({ ...INFO_FRAME, announcement: { ...good, payload } }))),
        fc.nat(500).map((length) => Buffer.from(encodeJson(INFO_FRAME)).subarray(0, length))
      ),
      40
    )
    for (const bytes of variants) {
      const announcements = await subscribed((frames) => frames.write(bytes))
      await assert.rejects(
        next(announcements),
        (err) => err instanceof InvalidFrameError || err instanceof InvalidRecordError
      )
      await contributor.unhandle(INFO_PROTOCOL)
    }
  })

  describe('serveInfo', () => {
    it('sends what its source yields, and closes after the last', async () => {
      const records = [await announce(), await announce({ sequence: NOW + 1, models: [] })]
      const served = Promise.withResolvers<undefined>()
      const heard = Promise.withResolvers<undefined>()
      await contributor.handle(INFO_PROTOCOL, async (stream) => {
        await serveInfo(stream, {
          async *subscribe() {
            yield records[0]!
            await heard.promise
            yield records[1]!
          }
        })
        served.resolve(undefined)
      })
      const connection = await subscriber.dial(contributor.getMultiaddrs())
      const announcements = subscribeInfo(connection, { signal: stop.signal, now: () => now })
      assert.equal((await next(announcements))?.models.length, 1)
      heard.resolve(undefined)
      assert.equal((await next(announcements))?.models.length, 0)
      await assert.rejects(next(announcements), PeerLostError)
      await served.promise
    })

    it('tells its source when the subscriber has gone', async () => {
      const gone = Promise.withResolvers<AbortSignal>()
      await contributor.handle(INFO_PROTOCOL, (stream) =>
        serveInfo(stream, {
          async *subscribe(signal) {
            yield INFO_FRAME.announcement
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
            gone.resolve(signal)
          }
        }).catch(() => undefined)
      )
      const connection = await subscriber.dial(contributor.getMultiaddrs())
      const announcements = subscribeInfo(connection, { signal: stop.signal, now: () => now })
      await next(announcements)
      await announcements.return(undefined)
      assert.ok((await gone.promise).reason instanceof PeerLostError)
    })
  })
})
