import { EXIT } from './errors.ts'

/** Asks a node that runs in this process to stop. */
export interface StopSignal {
  /** Resolves at the first request. */
  readonly requested: Promise<void>
  /** Whether a request has been made. */
  readonly isRequested: boolean
  /** Requests a stop; a second request ends the process at once. */
  request(): void
}

/** Listens for SIGINT and SIGTERM. */
export function stopSignal(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>()
  let requests = 0
  const request = (): void => {
    if (++requests > 1) process.exit(EXIT.interrupted)
    resolve()
  }
  process.on('SIGINT', request)
  process.on('SIGTERM', request)
  return {
    requested: promise,
    get isRequested() {
      return requests > 0
    },
    request
  }
}
