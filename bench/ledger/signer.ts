import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import canonicalize from 'canonicalize'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { LedgerRecord } from '../../node/ledger/index.ts'
import { ACKNOWLEDGEMENT, ORDER, RECEIPT, sha256, type RecordKind } from '../../protocols/index.ts'

const PRICE = { prompt: 250_000, completion: 1_000_000 }
const MODEL = { model: 'llama3.2:3b', digest: `sha256:${'5'.repeat(64)}` }
const [PROMPT, COMPLETION] = [200, 300]

/** Somebody who signs as fast as Node can: the key is taken apart once. */
interface Signer {
  peer: string
  key: KeyObject
}

/** Somebody with a new key. */
export function signer(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url')
  return { peer: peerIdFromPublicKey(publicKeyFromRaw(raw)).toString(), key: privateKey }
}

/** The three records of an answer that was settled. */
export function deal(consumer: Signer, contributor: Signer): LedgerRecord[] {
  const now = Date.now()
  const id = randomBytes(16).toString('base64url')
  const parties = { consumer: consumer.peer, contributor: contributor.peer }
  const order = seal(consumer, ORDER, {
    id,
    ...parties,
    kind: 'chat',
    ...MODEL,
    requestHash: sha256(id),
    price: PRICE,
    maxPromptTokens: 4096,
    maxCompletionTokens: 4096,
    issuedAt: now,
    expiresAt: now + 300_000
  })
  const receipt = seal(contributor, RECEIPT, {
    order: id,
    orderHash: sha256(order.payload),
    ...parties,
    ...MODEL,
    seq: 0,
    final: true,
    promptTokens: PROMPT,
    completionTokens: COMPLETION,
    credits: PROMPT * PRICE.prompt + COMPLETION * PRICE.completion,
    deltas: COMPLETION,
    transcriptHash: sha256(order.signature),
    finishReason: 'stop',
    startedAt: now,
    completedAt: now
  })
  const acknowledgement = seal(consumer, ACKNOWLEDGEMENT, {
    order: id,
    ...parties,
    seq: 0,
    receiptHash: sha256(receipt.payload),
    issuedAt: now
  })
  return [
    { kind: 'order', record: order },
    { kind: 'receipt', record: receipt },
    { kind: 'acknowledgement', record: acknowledgement }
  ]
}

function seal<T>({ key }: Signer, { domain }: RecordKind<T>, payload: T): LedgerRecord['record'] {
  const text = String(canonicalize(payload))
  return {
    payload: text,
    signature: sign(null, Buffer.from(domain + text), key).toString('base64url')
  }
}
