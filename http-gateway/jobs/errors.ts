import { RefusedError } from '../errors.ts'

/** There is no such file or batch, or it is another key's. */
export class NotFoundError extends RefusedError {
  static override readonly name = 'NotFoundError'
  override readonly name = 'NotFoundError'
  readonly code = 'not_found'
}

/** The gateway keeps nothing: the setting `jobs` is off. */
export class NotKeptError extends RefusedError {
  static override readonly name = 'NotKeptError'
  override readonly name = 'NotKeptError'
  readonly code = 'storage_off'
  constructor(message = 'This gateway keeps no files and batches: start the node without --no-jobs') {
    super(message)
  }
}

/** A key has too many batches that have not ended. */
export class TooManyBatchesError extends RefusedError {
  static override readonly name = 'TooManyBatchesError'
  override readonly name = 'TooManyBatchesError'
  readonly code = 'too_many_batches'
  constructor(most: number) {
    super(`${most} batches have not ended yet: wait for one of them, or cancel it`)
  }
}

/** The object's state does not allow this: a batch that has ended cannot be cancelled. */
export class ConflictError extends RefusedError {
  static override readonly name = 'ConflictError'
  override readonly name = 'ConflictError'
  readonly code = 'conflict'
}
