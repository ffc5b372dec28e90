/** Base class of the ledger's errors: the message names the file and says what to do. */
export class LedgerError extends Error {
  static override readonly name: string = 'LedgerError'
  override readonly name: string = 'LedgerError'
  constructor(message = 'The ledger failed', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The file is no ledger, or its pages are damaged. */
export class LedgerCorruptError extends LedgerError {
  static override readonly name = 'LedgerCorruptError'
  override readonly name = 'LedgerCorruptError'
  constructor(message = 'The ledger is damaged', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The disk is full; nothing of the append was kept. */
export class LedgerFullError extends LedgerError {
  static override readonly name = 'LedgerFullError'
  override readonly name = 'LedgerFullError'
  constructor(message = 'The disk is full', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The file was written by a newer program, or is read by one that may not upgrade it. */
export class LedgerVersionError extends LedgerError {
  static override readonly name = 'LedgerVersionError'
  override readonly name = 'LedgerVersionError'
  constructor(message = 'The ledger has another version', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The file belongs to another peer id. */
export class LedgerOwnerError extends LedgerError {
  static override readonly name = 'LedgerOwnerError'
  override readonly name = 'LedgerOwnerError'
  constructor(message = 'The ledger belongs to another peer', options?: ErrorOptions) {
    super(message, options)
  }
}

/** There is no ledger to read. */
export class LedgerMissingError extends LedgerError {
  static override readonly name = 'LedgerMissingError'
  override readonly name = 'LedgerMissingError'
  constructor(message = 'There is no ledger', options?: ErrorOptions) {
    super(message, options)
  }
}

/** A record contradicts one that is kept: somebody signed two for the same place. */
export class LedgerConflictError extends LedgerError {
  static override readonly name = 'LedgerConflictError'
  override readonly name = 'LedgerConflictError'
  constructor(message = 'The record contradicts a stored one', options?: ErrorOptions) {
    super(message, options)
  }
}

/** A record that this ledger cannot keep: not of its kind, between others, or without what it refers to. */
export class LedgerRecordError extends LedgerError {
  static override readonly name = 'LedgerRecordError'
  override readonly name = 'LedgerRecordError'
  constructor(message = 'The record does not belong in this ledger', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The ledger is not started, is opened for reading only, or stopped before it was done. */
export class LedgerClosedError extends LedgerError {
  static override readonly name = 'LedgerClosedError'
  override readonly name = 'LedgerClosedError'
  constructor(message = 'The ledger is closed', options?: ErrorOptions) {
    super(message, options)
  }
}

const LEDGER_ERRORS: readonly (typeof LedgerError)[] = [
  LedgerCorruptError,
  LedgerFullError,
  LedgerVersionError,
  LedgerOwnerError,
  LedgerMissingError,
  LedgerConflictError,
  LedgerRecordError,
  LedgerClosedError
]

/** An error as it goes from the worker to its owner: structured cloning loses the class. */
export interface ErrorMessage {
  name: string
  message: string
  cause?: unknown
}

/** The error in the form that crosses threads. */
export function toMessage(err: LedgerError): ErrorMessage {
  return { name: err.name, message: err.message, cause: err.cause }
}

/** The error that {@link toMessage} took apart. */
export function fromMessage({ name, message, cause }: ErrorMessage): LedgerError {
  const errorClass = LEDGER_ERRORS.find((candidate) => candidate.name === name) ?? LedgerError
  return new errorClass(message, cause === undefined ? undefined : { cause })
}

/** SQLite's result codes: https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

/** Anything that SQLite or the file system throws over `file`, as a LedgerError that says what to do. */
export function toLedgerError(err: unknown, file: string): LedgerError {
  if (err instanceof LedgerError) return err
  const text = err instanceof Error ? err.message : String(err)
  const cause = { cause: err }
  switch (resultCode(err)) {
    case SQLITE_FULL:
      return new LedgerFullError(`The disk of the ledger ${file} is full: free some space`, cause)
    case SQLITE_CORRUPT:
      return new LedgerCorruptError(
        `The ledger ${file} is damaged (${text}): restore it from a backup, or move it away to start a new one`,
        cause
      )
    case SQLITE_NOTADB:
      return new LedgerCorruptError(
        `${file} is not a ledger (${text}): restore it from a backup, or move it away to begin a new one`,
        cause
      )
    case SQLITE_BUSY:
      return new LedgerError(`Another program is writing the ledger ${file}: stop it`, cause)
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return new LedgerError(
        `The ledger ${file} cannot be opened (${text}): check that it is a file, and its permissions`,
        cause
      )
    default:
      return new LedgerError(`The ledger ${file} failed (${text}): check the disk`, cause)
  }
}

function resultCode(err: unknown): number | undefined {
  if (!(err instanceof Error) || !('errcode' in err) || typeof err.errcode !== 'number') return undefined
  return err.errcode & 0xff
}
