/** The thread that owns the database: no disk is waited for on the main one. */
import type { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { JobStoreClosedError, toJobStoreError, toMessage } from '../errors.ts'
import { Sealer } from '../sealer.ts'
import { BatchesTable } from './batches-table.ts'
import type { CallMessage, JobCalls, ReplyMessage } from './calls.ts'
import { openDatabase, sizeOf } from './database.ts'
import { FilesTable } from './files-table.ts'
import { KeptTable } from './kept-table.ts'

interface Opened {
  db: DatabaseSync
  files: FilesTable
  batches: BatchesTable
  kept: KeptTable
}

let file = ''
let opened: Opened | undefined
/** Whether something was deleted that the log may still hold. */
let deleted = false

const calls: JobCalls = {
  open: (init) => {
    file = init.file
    const db = openDatabase(init)
    const sealer = new Sealer(init.key)
    opened = {
      db,
      files: new FilesTable(db, sealer),
      batches: new BatchesTable(db, sealer),
      kept: new KeptTable(db, sealer)
    }
  },
  size: () => sizeOf(tables().db),
  createFile: (init) => tables().files.create(init),
  appendFile: (...args) => tables().files.append(...args),
  finishFile: (...args) => tables().files.finish(...args),
  getFile: (...args) => tables().files.get(...args),
  listFiles: (...args) => tables().files.list(...args),
  fileChunk: (...args) => tables().files.chunk(...args),
  deleteFile: (...args) => noteDeleted(tables().files.remove(...args)),
  putBatch: (batch) => tables().batches.put(batch),
  getBatch: (...args) => tables().batches.get(...args),
  listBatches: (...args) => tables().batches.list(...args),
  openBatches: () => tables().batches.open(),
  addLines: (...args) => tables().batches.addLines(...args),
  waitingLines: (...args) => tables().batches.waiting(...args),
  settleLine: (...args) => tables().batches.settle(...args),
  countLines: (batch) => tables().batches.counts(batch),
  lineAnswers: (...args) => tables().batches.answers(...args),
  endBatch: (batch) => {
    tables().batches.end(batch)
    deleted = true
  },
  keepAnswer: (...args) => tables().kept.keep(...args),
  keptAnswers: (job) => tables().kept.of(job),
  sweep: (now) => {
    if (tables().files.sweep(now) > 0) deleted = true
  },
  close: () => {
    const { db } = tables()
    opened = undefined
    db.close()
  }
}

function tables(): Opened {
  if (opened === undefined) throw new JobStoreClosedError()
  return opened
}

function noteDeleted(was: boolean): boolean {
  deleted ||= was
  return was
}

/** Opening and closing are no part of a transaction. */
const ALONE = new Set(['open', 'close'])

/** Answers all calls that have come in one transaction: one sync of the disk for all of them. */
function answerAll(messages: CallMessage[]): ReplyMessage[] {
  const db = opened?.db
  if (db === undefined) return messages.map(answer)
  try {
    db.exec('BEGIN IMMEDIATE')
    const replies = messages.map((message) => {
      db.exec('SAVEPOINT call')
      const reply = answer(message)
      db.exec('error' in reply ? 'ROLLBACK TO call; RELEASE call' : 'RELEASE call')
      return reply
    })
    db.exec('COMMIT')
    return replies
  } catch (err) {
    if (db.isTransaction) db.exec('ROLLBACK')
    const error = toMessage(toJobStoreError(err, file))
    return messages.map(({ id }) => ({ id, error }))
  }
}

function answer({ id, method, args }: CallMessage): ReplyMessage {
  try {
    const call = calls[method as keyof JobCalls] as (...args: unknown[]) => unknown
    return { id, result: call(...args) }
  } catch (err) {
    return { id, error: toMessage(toJobStoreError(err, file)) }
  }
}

/** Gives free pages back to the disk, and empties the log, which may hold what was deleted. */
function erase(): void {
  if (!deleted || opened === undefined) return
  deleted = false
  opened.db.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')
}

const waiting: CallMessage[] = []
let scheduled = false

function run(): void {
  scheduled = false
  while (waiting.length > 0) {
    const alone = waiting.findIndex(({ method }) => ALONE.has(method))
    const group =
      alone === 0 ? waiting.splice(0, 1) : waiting.splice(0, alone === -1 ? waiting.length : alone)
    const replies = alone === 0 ? group.map(answer) : answerAll(group)
    // Before the answers: what is said to be deleted is gone.
    try {
      erase()
    } catch {
      deleted = true
    }
    for (const reply of replies) parentPort?.postMessage(reply)
  }
}

parentPort?.on('message', (message: CallMessage) => {
  waiting.push(message)
  if (scheduled) return
  scheduled = true
  setImmediate(run)
})
