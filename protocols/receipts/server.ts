import type { Stream } from '@libp2p/interface'
import { InvalidFrameError, toLobstahError, type LobstahError } from '../errors.ts'
import { Exchange } from '../framing/index.ts'
import { CLAIM_TIMEOUT_MS, CLAIMS_PAGE, MAX_CLAIM_PAGES } from './constants.ts'
import { claimReplyFrame, type ClaimReply, type ClaimReplyFrame, type ClaimsFrame } from './frames.ts'
import type { SignedRecord } from '../records/signed-record.ts'

/** An order that was served, whose latest receipt is not acknowledged. */
export interface OpenClaim {
  /** The order's id. */
  id: string
  order: SignedRecord
  receipt: SignedRecord
}

/** A contributor's claims, and the handler of a consumer's replies. */
export interface ClaimSource {
  /** Claims on the consumer by order id, after one. */
  claims(after: string, limit: number): Promise<OpenClaim[]>
  /** Throws UnacknowledgedError when the reply is not one to this claim. */
  replied(claim: OpenClaim, reply: ClaimReply): Promise<void>
}

type ContributorExchange = Exchange<ClaimReplyFrame, ClaimsFrame>

/** Serves one exchange and ends the stream; resolves to the error, if any, that the consumer was sent. */
export async function serveReceipts(
  stream: Stream,
  source: ClaimSource | LobstahError
): Promise<LobstahError | undefined> {
  const exchange: ContributorExchange = new Exchange(stream, claimReplyFrame)
  try {
    if (source instanceof Error) throw source
    await servePages(exchange, source)
    await exchange.close()
    return undefined
  } catch (thrown) {
    const err = toLobstahError(thrown)
    await exchange.fail(err)
    return err
  }
}

async function servePages(exchange: ContributorExchange, source: ClaimSource): Promise<void> {
  const deadline = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(CLAIM_TIMEOUT_MS) })
  const write = (frame: ClaimsFrame): Promise<void> => exchange.send(frame, deadline())
  for (let pages = 0; pages < MAX_CLAIM_PAGES; pages++) {
    const { frame: listed } = await exchange.read(deadline())
    if (listed.type !== 'list') throw new InvalidFrameError(`Expected list, got ${listed.type}`)
    // One more than are sent tells whether there is another page.
    const claims = await source.claims(listed.after, CLAIMS_PAGE + 1)
    const page = claims.slice(0, CLAIMS_PAGE)
    for (const claim of page) {
      await write({ type: 'claim', order: claim.order, receipt: claim.receipt })
      const { frame: reply } = await exchange.read(deadline())
      if (reply.type === 'list') throw new InvalidFrameError('Expected a reply to the claim')
      await source.replied(claim, reply)
    }
    const next = claims.length > page.length ? (page.at(-1)?.id ?? null) : null
    await write({ type: 'end', next })
    if (next === null) return
  }
}
