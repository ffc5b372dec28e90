import { createHash } from 'node:crypto'
import { ACKNOWLEDGEMENT, InvalidRecordError, ORDER, RECEIPT, open } from '../../protocols/records/index.ts'
import type { Acknowledgement, Order, Receipt } from '../../protocols/records/index.ts'
import { LedgerRecordError } from './errors.ts'
import type { LedgerRecord } from './index.ts'

/** The fields of a payload by which the ledger finds the record. */
export interface EntryFields {
  kind: LedgerRecord['kind']
  order: string
  consumer: string
  contributor: string
  seq: number | null
  final: boolean | null
  /** Micro-credits, where the payload itself says them. */
  credits: number | null
  /** The receipt that an acknowledgement refers to. */
  receiptHash: string | null
}

/** The fields of a record whose signature was verified before. Throws LedgerRecordError. */
export function readFields({ kind, record }: LedgerRecord): EntryFields {
  // A lone surrogate would not come back from the file as it went in.
  if (!record.payload.isWellFormed()) throw new LedgerRecordError(`The ${kind} is not Unicode text`)
  try {
    const payload: unknown = JSON.parse(record.payload)
    switch (kind) {
      case 'order':
        return orderFields(ORDER.schema.parse(payload))
      case 'receipt':
        return receiptFields(RECEIPT.schema.parse(payload))
      case 'acknowledgement':
        return acknowledgementFields(ACKNOWLEDGEMENT.schema.parse(payload))
    }
  } catch (err) {
    throw new LedgerRecordError(`The payload is not that of an ${kind}`, { cause: err })
  }
}

/** The result of verifying a record by itself. */
export type Opened = EntryFields | { invalid: string }

/** Verifies records, each by itself: form and signature. */
export async function openAll(records: LedgerRecord[]): Promise<Opened[]> {
  const opened: Opened[] = []
  for (const record of records) {
    try {
      opened.push(await openFields(record))
    } catch (err) {
      if (!(err instanceof InvalidRecordError)) throw err
      opened.push({ invalid: err.message })
    }
  }
  return opened
}

/** The fields of a record whose signature is verified now. Throws InvalidRecordError. */
async function openFields({ kind, record }: LedgerRecord): Promise<EntryFields> {
  switch (kind) {
    case 'order':
      return orderFields(await open(ORDER, record))
    case 'receipt':
      return receiptFields(await open(RECEIPT, record))
    case 'acknowledgement':
      return acknowledgementFields(await open(ACKNOWLEDGEMENT, record))
    default:
      throw new InvalidRecordError(`There is no kind ${String(kind)}`)
  }
}

/** Placeholder for the hash before the first entry's, base64url. */
export function genesisHash(owner: string): string {
  return createHash('sha256').update(`lobstah/ledger/1\n${owner}`).digest('base64url')
}

/** An entry's hash, base64url: SHA-256 over the 32 bytes of the hash before and a JSON array of the entry. */
export function entryHash(
  previous: string,
  index: number,
  at: number,
  { kind, record }: LedgerRecord
): string {
  return createHash('sha256')
    .update(previous, 'base64url')
    .update(JSON.stringify([index, at, kind, record.payload, record.signature]))
    .digest('base64url')
}

function orderFields({ id, consumer, contributor }: Order): EntryFields {
  return { kind: 'order', order: id, consumer, contributor, ...NO_RECEIPT }
}

function receiptFields({ order, consumer, contributor, seq, final, credits }: Receipt): EntryFields {
  return { kind: 'receipt', order, consumer, contributor, seq, final, credits, receiptHash: null }
}

function acknowledgementFields(payload: Acknowledgement): EntryFields {
  const { order, consumer, contributor, seq, receiptHash } = payload
  return { ...NO_RECEIPT, kind: 'acknowledgement', order, consumer, contributor, seq, receiptHash }
}

const NO_RECEIPT = { seq: null, final: null, credits: null, receiptHash: null }
