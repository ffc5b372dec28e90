import type { Connection } from '@libp2p/interface'
import { RECEIPTS_PROTOCOL } from '../constants.ts'
import { InvalidFrameError, toLobstahError } from '../errors.ts'
import { Exchange } from '../framing/index.ts'
import { CLAIM_TIMEOUT_MS, CLAIMS_PAGE, MAX_CLAIM_PAGES, MAX_RECEIPTS_STREAMS } from './constants.ts'
import {
  claimFrame,
  type ClaimFrame,
  type ClaimReply,
  type ClaimReplyFrame,
  type ClaimsFrame
} from './frames.ts'

/**
 * Asks a contributor for its claims and answers each with the result of `decide`. Resolves when there are no more.
 * Throws the contributor's error, PeerLostError, InvalidFrameError, DOMException (TimeoutError), and what
 * `decide` throws, after the contributor was told.
 */
export async function reconcile(
  connection: Connection,
  decide: (claim: ClaimFrame) => Promise<ClaimReply>,
  options: { signal: AbortSignal }
): Promise<void> {
  const deadline = (): AbortSignal => AbortSignal.any([options.signal, AbortSignal.timeout(CLAIM_TIMEOUT_MS)])
  const stream = await connection.newStream(RECEIPTS_PROTOCOL, {
    signal: deadline(),
    runOnLimitedConnection: true,
    maxOutboundStreams: MAX_RECEIPTS_STREAMS
  })
  const exchange = new Exchange<ClaimsFrame, ClaimReplyFrame>(stream, claimFrame)
  const page = async (after: string): Promise<string | null> => {
    await exchange.send({ type: 'list', after }, { signal: deadline() })
    for (let claims = 0; ; claims++) {
      const { frame } = await exchange.read({ signal: deadline() })
      if (frame.type === 'end') return frame.next
      if (claims === CLAIMS_PAGE) throw new InvalidFrameError('A page has too many claims')
      await exchange.send(await decide(frame), { signal: deadline() })
    }
  }
  try {
    let next: string | null = ''
    for (let pages = 0; next !== null && pages < MAX_CLAIM_PAGES; pages++) {
      const after: string = next
      next = await page(after)
      if (next !== null && next <= after) throw new InvalidFrameError('A page does not follow the one before')
    }
    await exchange.close()
  } catch (err) {
    // The stream lingers after this returns, so that the contributor can read the reason.
    void exchange.fail(toLobstahError(err))
    throw err
  }
}
