import { Reservation } from '../../node/contributor/settling/reservation.ts'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import {
  encodeJson,
  plausiblePromptTokens,
  sha256,
  type Acknowledgement,
  type Announcement,
  type InferenceRequest,
  type OfferedModel,
  type Order,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'

/** Somebody who signs. */
export interface Party {
  peer: string
  privateKey: Ed25519PrivateKey
}

/** The party whose key has this byte 32 times as its seed. */
async function fixedParty(byte: number): Promise<Party> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(byte))
  return { peer: peerIdFromPrivateKey(privateKey).toString(), privateKey }
}

export const CONSUMER = await fixedParty(1)
export const CONTRIBUTOR = await fixedParty(2)
export const STRANGER = await fixedParty(3)

/** When the records of tests are written, in milliseconds since 1970. */
export const NOW = 1_700_000_000_000

export const REQUEST: InferenceRequest = {
  kind: 'chat',
  model: 'scripted:1b',
  messages: [{ role: 'user', content: 'Hi' }]
}

export const DOCUMENT = encodeJson(REQUEST)

export const MODEL: OfferedModel = {
  id: 'scripted:1b',
  digest: `sha256:${'5'.repeat(64)}`,
  contextLength: 8192,
  parameters: 1_000_000_000,
  capabilities: ['chat', 'completion', 'embedding'],
  price: { prompt: 250_000, completion: 1_000_000 }
}

export function anOrder(changes: Partial<Order> = {}): Order {
  return {
    id: 'AAECAwQFBgcICQoLDA0ODw',
    consumer: CONSUMER.peer,
    contributor: CONTRIBUTOR.peer,
    kind: 'chat',
    model: MODEL.id,
    digest: MODEL.digest,
    requestHash: sha256(DOCUMENT),
    price: MODEL.price,
    maxPromptTokens: plausiblePromptTokens(DOCUMENT.byteLength),
    maxCompletionTokens: 8192,
    issuedAt: NOW,
    expiresAt: NOW + 300_000,
    ...changes
  }
}

/** A receipt for no deltas yet of `anOrder`. */
export function aReceipt(orderHash: string, changes: Partial<Receipt> = {}): Receipt {
  return {
    order: anOrder().id,
    orderHash,
    consumer: CONSUMER.peer,
    contributor: CONTRIBUTOR.peer,
    model: MODEL.id,
    digest: MODEL.digest,
    seq: 0,
    final: false,
    promptTokens: 0,
    completionTokens: 0,
    credits: 0,
    deltas: 0,
    transcriptHash: orderHash,
    finishReason: null,
    startedAt: NOW,
    completedAt: NOW,
    ...changes
  }
}

export function anAcknowledgement(
  receipt: SignedRecord,
  changes: Partial<Acknowledgement> = {}
): Acknowledgement {
  return {
    order: anOrder().id,
    consumer: CONSUMER.peer,
    contributor: CONTRIBUTOR.peer,
    seq: 0,
    receiptHash: sha256(receipt.payload),
    issuedAt: NOW,
    ...changes
  }
}

export function anAnnouncement(changes: Partial<Announcement> = {}): Announcement {
  return {
    peer: CONTRIBUTOR.peer,
    sequence: NOW,
    issuedAt: NOW,
    expiresAt: NOW + 60_000,
    models: [MODEL],
    slots: 1,
    active: 0,
    queued: 0,
    agent: 'lobstah-node/0.1.0',
    ...changes
  }
}

/** A reservation that no line bounds. */
export function unlimited(): Reservation {
  const components = { price: MODEL.price, hold: () => undefined, free: () => undefined }
  return new Reservation({ promptTokens: 0, completionTokens: 0 }, components)
}
