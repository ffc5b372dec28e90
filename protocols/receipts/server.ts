import type { Stream } from '@libp2p/interface'
import { fromErrorFrame, toErrorFrame } from '../chat/errors.ts'
import { InvalidFrameError, PeerLostError, toLobstahError, type LobstahError } from '../errors.ts'
import { FrameStream, decodeJson, encodeJson } from '../framing/index.ts'
import { CLAIM_TIMEOUT_MS, CLAIMS_PAGE, MAX_CLAIM_PAGES } from './constants.ts'
import { claimReplyFrame, type ClaimReply, type ClaimReplyFrame } from './frames.ts'
import type { SignedRecord } from '../records/signed-record.ts'

/** An order that was served, whose latest receipt is not acknowledged. */
export interface OpenClaim {
  /** The order's id. */
  id: string
  order: SignedRecord
  receipt: SignedRecord
}

/** Where a contributor's claims come from, and what becomes of what a consumer says to them. */
export interface ClaimSource {
  /** Claims on the consumer by order id, after one. */
  claims(after: string, limit: number): Promise<OpenClaim[]>
  /** Throws UnacknowledgedError when the reply is not one to this claim. */
  replied(claim: OpenClaim, reply: ClaimReply): Promise<void>
}

/** Serves one exchange and closes the stream; resolves to what went wrong, which the consumer was told. */
export async function serveReceipts(
  stream: Stream,
  source: ClaimSource | LobstahError
): Promise<LobstahError | undefined> {
  const frames = new FrameStream(stream)
  try {
    if (source instanceof Error) throw source
    await servePages(frames, source)
    return undefined
  } catch (thrown) {
    const err = toLobstahError(thrown)
    if (!(err instanceof PeerLostError)) {
      const told = encodeJson(toErrorFrame(err))
      await frames.write(told, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
      await frames.close(1000)
    }
    return err
  } finally {
    if (stream.status === 'open') stream.abort(new InvalidFrameError('The exchange of receipts ended'))
  }
}

async function servePages(frames: FrameStream, source: ClaimSource): Promise<void> {
  const read = async (): Promise<ClaimReplyFrame> => {
    const payload = await frames.read({ signal: AbortSignal.timeout(CLAIM_TIMEOUT_MS) })
    const frame = decodeJson(claimReplyFrame, payload)
    if (frame.type === 'error') throw fromErrorFrame(frame)
    return frame
  }
  const write = async (frame: object): Promise<void> => {
    await frames.write(encodeJson(frame), { signal: AbortSignal.timeout(CLAIM_TIMEOUT_MS) })
  }
  for (let pages = 0; pages < MAX_CLAIM_PAGES; pages++) {
    const listed = await read()
    if (listed.type !== 'list') throw new InvalidFrameError(`Expected list, got ${listed.type}`)
    // One more than are sent tells whether there is another page.
    const claims = await source.claims(listed.after, CLAIMS_PAGE + 1)
    const page = claims.slice(0, CLAIMS_PAGE)
    for (const claim of page) {
      await write({ type: 'claim', order: claim.order, receipt: claim.receipt })
      const reply = await read()
      if (reply.type === 'list' || reply.type === 'error')
        throw new InvalidFrameError('The claim was not replied to')
      await source.replied(claim, reply)
    }
    const next = claims.length > page.length ? (page.at(-1)?.id ?? null) : null
    await write({ type: 'end', next })
    if (next === null) break
  }
  await frames.close(1000)
}
