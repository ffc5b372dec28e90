import { inCredits } from '../../protocols/inference/index.ts'
import { RefusedError } from '../errors.ts'

/** The API key may not ask for this model. */
export class ModelNotAllowedError extends RefusedError {
  static override readonly name = 'ModelNotAllowedError'
  override readonly name = 'ModelNotAllowedError'
  readonly code = 'model_not_allowed'
  constructor(key: string, model: string) {
    super(`The API key ${key} may not ask for ${model}; GET /v1/models lists what is served`)
  }
}

/** The API key has made its requests of this minute, or too many keys are being checked. */
export class RateLimitedError extends RefusedError {
  static override readonly name = 'RateLimitedError'
  override readonly name = 'RateLimitedError'
  readonly code = 'rate_limit_exceeded'
  override readonly headers: Record<string, string>
  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.headers = { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }
  }
}

/** The API key has spent what it may spend in a day. */
export class SpendingLimitError extends RefusedError {
  static override readonly name = 'SpendingLimitError'
  override readonly name = 'SpendingLimitError'
  readonly code = 'spending_limit_reached'
  constructor(key: string, spent: number, limit: number) {
    super(
      `The API key ${key} has spent ${inCredits(spent)} of the ${inCredits(limit)} that it may spend a day: ask again after 00:00 UTC, or make a key that may spend more`
    )
  }
}

/** A route that changes the node's state was called without the token of the node's home. */
export class OwnerRequiredError extends RefusedError {
  static override readonly name = 'OwnerRequiredError'
  override readonly name = 'OwnerRequiredError'
  readonly code = 'owner_required'
  constructor(
    message = "This route changes the node: send the token that is in the node's home as Authorization: Bearer"
  ) {
    super(message)
  }
}

/** The file of API keys, or of what they spent, cannot be used; the message says why and what to do. */
export class KeyFileError extends Error {
  static override readonly name = 'KeyFileError'
  override readonly name = 'KeyFileError'
  constructor(message = 'The file of API keys cannot be used', options?: ErrorOptions) {
    super(message, options)
  }
}
