import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { LedgerRecord } from '../../../node/ledger/index.ts'
import { ACKNOWLEDGEMENT, ORDER, RECEIPT, seal, sha256 } from '../../../protocols/records/index.ts'
import type { Acknowledgement, Order, Receipt } from '../../../protocols/records/index.ts'

/** Somebody who can sign. */
export interface Party {
  id: string
  key: Ed25519PrivateKey
}

export async function party(): Promise<Party> {
  const key = await generateKeyPair('Ed25519')
  return { id: peerIdFromPrivateKey(key).toString(), key }
}

/** The records of one order between two peers, signed. */
export class Deal {
  readonly order = randomBytes(16).toString('base64url')
  readonly consumer: Party
  readonly contributor: Party

  constructor(consumer: Party, contributor: Party) {
    this.consumer = consumer
    this.contributor = contributor
  }

  async ordered(changes: Partial<Order> = {}): Promise<LedgerRecord> {
    const order: Order = {
      id: this.order,
      consumer: this.consumer.id,
      contributor: this.contributor.id,
      kind: 'chat',
      model: 'llama3.2:3b',
      digest: null,
      requestHash: sha256('request'),
      price: { prompt: 1, completion: 4 },
      maxPromptTokens: 1000,
      maxCompletionTokens: 1000,
      issuedAt: 1000,
      expiresAt: 2000,
      ...changes
    }
    return { kind: 'order', record: await seal(ORDER, order, this.consumer.key) }
  }

  async receipt(seq: number, credits: number, changes: Partial<Receipt> = {}): Promise<LedgerRecord> {
    const receipt: Receipt = {
      order: this.order,
      orderHash: sha256('order'),
      consumer: this.consumer.id,
      contributor: this.contributor.id,
      model: 'llama3.2:3b',
      digest: null,
      seq,
      final: false,
      promptTokens: 10,
      completionTokens: 10,
      credits,
      deltas: 10,
      transcriptHash: sha256('transcript'),
      finishReason: null,
      startedAt: 1000,
      completedAt: 2000,
      ...changes
    }
    return { kind: 'receipt', record: await seal(RECEIPT, receipt, this.contributor.key) }
  }

  async acknowledged(receipt: LedgerRecord, changes: Partial<Acknowledgement> = {}): Promise<LedgerRecord> {
    const { seq } = JSON.parse(receipt.record.payload) as Receipt
    const acknowledgement: Acknowledgement = {
      order: this.order,
      consumer: this.consumer.id,
      contributor: this.contributor.id,
      seq,
      receiptHash: sha256(receipt.record.payload),
      issuedAt: 3000,
      ...changes
    }
    return {
      kind: 'acknowledgement',
      record: await seal(ACKNOWLEDGEMENT, acknowledgement, this.consumer.key)
    }
  }

  /** An order, its only receipt and the acknowledgement. */
  async whole(credits: number): Promise<LedgerRecord[]> {
    const receipt = await this.receipt(0, credits, { final: true, finishReason: 'stop' })
    return [await this.ordered(), receipt, await this.acknowledged(receipt)]
  }
}
