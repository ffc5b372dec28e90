import type { FastifyReply } from 'fastify'
import type { SignedRecord } from '../../protocols/records/index.ts'
import { MAX_RECEIPT_HEADER_LENGTH } from '../constants.ts'
import type { AcceptedEvent, EndEvent } from './answer.ts'
import { routeValue } from './route-header.ts'

/** Headers that name the answering peers and their routes, in order if there are several. */
export function placeHeaders(accepted: AcceptedEvent[]): Record<string, string> {
  if (accepted.length === 0) return {}
  return {
    'x-lobstah-peer': accepted.map(({ peer }) => peer).join(', '),
    'x-lobstah-route': routeValue(accepted)
  }
}

/** The receipts of all who answered, the latest of each, in the order of the answers. */
export function receiptsOf(ends: EndEvent[]): SignedRecord[] {
  return ends.flatMap(({ earlier = [], receipt }) => [
    ...earlier,
    ...(receipt === undefined ? [] : [receipt])
  ])
}

/** The receipts, each as base64url; none where they are too long for a header. */
export function receiptHeader(ends: EndEvent[]): Record<string, string> {
  const receipts = receiptsOf(ends)
  if (receipts.length === 0) return {}
  const text = receipts
    .map((receipt) => Buffer.from(JSON.stringify(receipt)).toString('base64url'))
    .join(', ')
  return text.length > MAX_RECEIPT_HEADER_LENGTH ? {} : { 'x-lobstah-receipt': text }
}

/** The headers that hooks have set, without the ones that they left undefined. */
export function ownHeaders(reply: FastifyReply): Record<string, number | string | string[]> {
  const set: Record<string, number | string | string[]> = {}
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) set[name] = value
  }
  return set
}

/** The receipts as comments of server-sent events. */
export function receiptComments(ends: EndEvent[]): string[] {
  return receiptsOf(ends).map((receipt) => `: lobstah-receipt ${JSON.stringify(receipt)}\n\n`)
}
