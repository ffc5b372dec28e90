/** The thread that owns the database: no disk is waited for on the main one. */
import type { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { backupDatabase, openDatabase } from './database.ts'
import { readEarnings } from './earnings.ts'
import { LedgerClosedError, toLedgerError, toMessage } from './errors.ts'
import { readBalance, readBalances, readClaims, readDeals, readHasOrder, readList } from './reader.ts'
import { verifyLedger } from './verify.ts'
import type { CallMessage, LedgerCalls, ReplyMessage } from './worker-calls.ts'
import { Writer } from './writer.ts'

let file = ''
let owner = ''
let database: DatabaseSync | undefined
let writer: Writer | undefined
const closing = new AbortController()
/** Calls that run beside others: verifications and backups. */
const running = new Set<Promise<unknown>>()

const calls: LedgerCalls = {
  open: (init) => {
    ;({ file, owner } = init)
    database = openDatabase(init)
    if (!init.readOnly) writer = new Writer(database, owner)
    return readBalances(database)
  },
  append: (appends) => writable().write(appends),
  hasOrder: (id) => readHasOrder(opened(), id),
  balance: () => readBalance(opened()),
  list: (options) => readList(opened(), options),
  deals: (options) => readDeals(opened(), options),
  claims: (peer, after, limit) => readClaims(opened(), peer, after, limit),
  dispute: (order, peer, reason) => {
    writable().dispute(order, peer, reason)
  },
  takeUnseen: (...args) => writable().takeUnseen(...args),
  earnings: async (options) => await untilDone(readEarnings(unlessClosing, owner, options)),
  backup: async (copy) => {
    opened()
    await untilDone(backupDatabase(file, copy))
  },
  verify: async () => await untilDone(verifyLedger(opened(), owner, closing.signal)),
  close: async () => {
    closing.abort(new LedgerClosedError(`The ledger ${file} was closed before all of it was read`))
    await Promise.allSettled(running)
    const db = opened()
    database = undefined
    try {
      if (writer !== undefined) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } finally {
      db.close()
    }
  }
}

/** Keeps the thread from closing before some work is done. */
async function untilDone<T>(work: Promise<T>): Promise<T> {
  running.add(work)
  try {
    return await work
  } finally {
    running.delete(work)
  }
}

/** For work that may stop half-way when the ledger is closed. */
function unlessClosing(): DatabaseSync {
  closing.signal.throwIfAborted()
  return opened()
}

function writable(): Writer {
  if (writer === undefined) throw new LedgerClosedError(`The ledger ${file} is open for reading only`)
  return writer
}

function opened(): DatabaseSync {
  if (database === undefined) throw new LedgerClosedError()
  return database
}

async function answer({ id, method, args }: CallMessage): Promise<ReplyMessage> {
  try {
    const call = calls[method as keyof LedgerCalls] as (...args: unknown[]) => unknown
    return { id, result: await call(...args) }
  } catch (err) {
    return { id, error: toMessage(toLedgerError(err, file)) }
  }
}

parentPort?.on('message', (message: CallMessage) => {
  // Never rejects: what is thrown is the answer.
  void answer(message).then((reply) => parentPort?.postMessage(reply))
})
