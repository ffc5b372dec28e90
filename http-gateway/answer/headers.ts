import type { FastifyReply } from 'fastify'
import { MAX_RECEIPT_HEADER_LENGTH } from '../constants.ts'
import type { Answer, EndEvent } from './answer.ts'

/** Who answers and how, one after the other where several choices are answered. */
export function placeHeaders(accepted: NonNullable<Answer['accepted']>[]): Record<string, string> {
  if (accepted.length === 0) return {}
  return {
    'x-lobstah-peer': accepted.map(({ peer }) => peer).join(', '),
    'x-lobstah-route': accepted.map(({ route }) => route).join(', ')
  }
}

/** The final receipts, each as base64url; none where they are too long for a header. */
export function receiptHeader(ends: EndEvent[]): Record<string, string> {
  const receipts = ends.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt]))
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

/** The final receipts as comments of server-sent events. */
export function receiptComments(ends: EndEvent[]): string[] {
  return ends.flatMap(({ receipt }) =>
    receipt === undefined ? [] : [`: lobstah-receipt ${JSON.stringify(receipt)}\n\n`]
  )
}
