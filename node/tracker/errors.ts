import { TRACKER_REFUSALS, type TrackerRefusal } from '../../protocols/tracker/index.ts'

/** The tracker refuses a request; `code` is sent, with the status that belongs to it. */
export class TrackerRefusalError extends Error {
  static override readonly name = 'TrackerRefusalError'
  override readonly name = 'TrackerRefusalError'
  readonly code: TrackerRefusal

  constructor(
    code: TrackerRefusal,
    message = `The tracker refuses the request: ${code}`,
    options?: ErrorOptions
  ) {
    super(message, options)
    this.code = code
  }

  /** The HTTP status. */
  get status(): number {
    return TRACKER_REFUSALS[this.code]
  }
}

/** The tracker cannot listen, or has no usable certificate. */
export class TrackerStartError extends Error {
  static override readonly name = 'TrackerStartError'
  override readonly name = 'TrackerStartError'
  constructor(message = 'The tracker cannot start', options?: ErrorOptions) {
    super(message, options)
  }
}
