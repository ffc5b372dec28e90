/** The job store cannot be used. */
export class JobStoreError extends Error {
  static override readonly name: string = 'JobStoreError'
  override readonly name: string = 'JobStoreError'
}

/** The job store was stopped, or its thread has ended. */
export class JobStoreClosedError extends JobStoreError {
  static override readonly name = 'JobStoreClosedError'
  override readonly name = 'JobStoreClosedError'
  constructor(message = 'The job store is closed', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The job store has used the disk space that it may use. */
export class JobStoreFullError extends JobStoreError {
  static override readonly name = 'JobStoreFullError'
  override readonly name = 'JobStoreFullError'
  constructor(
    message = 'The storage for files and batches is full: delete files, or raise diskBytes of --job-limits',
    options?: ErrorOptions
  ) {
    super(message, options)
  }
}

const CLASSES = new Map<string, new (message: string) => JobStoreError>(
  [JobStoreError, JobStoreClosedError, JobStoreFullError].map((each) => [each.name, each])
)

/** An error as it goes from the worker to the main thread. */
export interface ErrorMessage {
  name: string
  message: string
}

/** An error of SQLite or the file system, in this store's terms. */
export function toJobStoreError(err: unknown, file: string): JobStoreError {
  if (err instanceof JobStoreError) return err
  const text = err instanceof Error ? err.message : String(err)
  // SQLITE_FULL: the limit of pages, or the disk itself.
  if (/database or disk is full|ENOSPC/.test(text)) return new JobStoreFullError(undefined, { cause: err })
  if (/not a database|malformed/.test(text))
    return new JobStoreError(
      `The job store ${file} is damaged (${text}): move it away, which loses its files and batches, or start with --no-jobs`,
      { cause: err }
    )
  return new JobStoreError(
    `The job store ${file} failed (${text}): check the folder's permissions and the free space`,
    { cause: err }
  )
}

export function toMessage(err: JobStoreError): ErrorMessage {
  return { name: err.name, message: err.message }
}

export function fromMessage({ name, message }: ErrorMessage): JobStoreError {
  const ErrorClass = CLASSES.get(name) ?? JobStoreError
  return new ErrorClass(message)
}
