import * as varint from 'uint8-varint'
import {
  ACKNOWLEDGEMENT,
  ANNOUNCEMENT,
  ORDER,
  RECEIPT,
  encodeJson,
  seal,
  sha256,
  type ConsumerFrame,
  type ContributorFrame,
  type SignedRecord
} from '../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, aReceipt, anAcknowledgement, anAnnouncement, anOrder } from './records.ts'

const order = await seal(ORDER, anOrder(), CONSUMER.privateKey)
const receipt = await seal(
  RECEIPT,
  aReceipt(sha256(order.payload), { final: true, finishReason: 'stop' }),
  CONTRIBUTOR.privateKey
)
const acknowledgement = await seal(ACKNOWLEDGEMENT, anAcknowledgement(receipt), CONSUMER.privateKey)
const announcement = await seal(ANNOUNCEMENT, anAnnouncement(), CONTRIBUTOR.privateKey)

const error = {
  type: 'error' as const,
  code: 'busy',
  message: 'Every slot is taken and the queue is full',
  retryable: true,
  param: 'model',
  retryAfterMs: 2000
}

export const ORDER_FRAME: { type: 'order'; order: SignedRecord } = { type: 'order', order }
/** An order whose consumer follows it by trace context. */
export const TRACED_ORDER_FRAME = {
  ...ORDER_FRAME,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
}
export const INFO_FRAME = { type: 'announcement', announcement }

/** One frame of each type that a consumer sends, all fields set. */
export const CONSUMER_FRAMES: { [T in ConsumerFrame['type']]: Extract<ConsumerFrame, { type: T }> } = {
  order: ORDER_FRAME,
  acknowledgement: { type: 'acknowledgement', acknowledgement },
  cancel: { type: 'cancel' },
  error
}

/** One frame of each type that a contributor sends, all fields set. */
export const CONTRIBUTOR_FRAMES: { [T in ContributorFrame['type']]: Extract<ContributorFrame, { type: T }> } =
  {
    accepted: { type: 'accepted', position: 3, waitMs: 12_500 },
    status: { type: 'status', phase: 'queued', position: 2, waitMs: 8000 },
    delta: {
      type: 'delta',
      content: 'Hällo',
      reasoning: 'a greeting',
      toolCalls: [{ index: 0, id: 'call_1', name: 'weather', arguments: '{"city":"Ulm"}' }],
      logprobs: [{ token: 'H', logprob: -0.5, top: [{ token: 'H', logprob: -0.5 }] }],
      tokens: 4,
      embeddings: [{ index: 0, vector: 'AAAAPwAAgL8=' }]
    },
    receipt: { type: 'receipt', receipt },
    end: {
      type: 'end',
      finishReason: 'stop',
      usage: { promptTokens: 7, completionTokens: 4, cachedTokens: 2, reasoningTokens: 1 }
    },
    error
  }

/** A frame as it goes over the wire: its payload as text, and all of it in hexadecimal. */
export function onTheWire(frame: unknown): { payload: string; frame: string } {
  const payload = encodeJson(frame)
  return {
    payload: Buffer.from(payload).toString(),
    frame: Buffer.concat([varint.encode(payload.byteLength), payload]).toString('hex')
  }
}
