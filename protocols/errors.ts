/** Fields of every error that may cross the wire, besides its message. */
export interface LobstahErrorInit {
  cause?: unknown
  /** The request parameter at fault, by its OpenAI name. */
  param?: string
  /** How long to wait before the same peer is asked again, in milliseconds. */
  retryAfterMs?: number
  /** The model's real context, in tokens of prompt and answer together, if the error reports it. */
  contextLength?: number
  /** For a receipt refused for its counts: the most that would have been accepted. */
  acceptable?: AcceptableCounts | undefined
}

/** The most tokens that a consumer accepts for what was delivered. */
export interface AcceptableCounts {
  promptTokens: number
  completionTokens: number
}

/**
 * An error with a code from the table in `protocols/README.md`. `retryable` says whether another contributor may
 * help; the same one never does before `retryAfterMs`.
 */
export abstract class LobstahError extends Error {
  abstract readonly code: string
  abstract readonly retryable: boolean
  readonly param: string | undefined
  readonly retryAfterMs: number | undefined
  readonly contextLength: number | undefined
  readonly acceptable: AcceptableCounts | undefined

  constructor(message: string, init: LobstahErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.param = init.param
    this.retryAfterMs = init.retryAfterMs
    this.contextLength = init.contextLength
    this.acceptable = init.acceptable
  }
}

/** The request document is not valid. */
export class BadRequestError extends LobstahError {
  static override readonly name = 'BadRequestError'
  override readonly name = 'BadRequestError'
  readonly code = 'bad_request'
  readonly retryable = false
  constructor(message = 'The request is not valid', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** A frame is malformed, oversize or out of turn. */
export class InvalidFrameError extends LobstahError {
  static override readonly name = 'InvalidFrameError'
  override readonly name = 'InvalidFrameError'
  readonly code = 'invalid_frame'
  readonly retryable = true
  constructor(message = 'The peer sent a frame that breaks the protocol', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The engine that serves the model cannot honour a parameter; another contributor's may. */
export class UnsupportedParameterError extends LobstahError {
  static override readonly name = 'UnsupportedParameterError'
  override readonly name = 'UnsupportedParameterError'
  readonly code = 'unsupported_parameter'
  readonly retryable = true
  constructor(message = 'The engine does not support a parameter of the request', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The peer does not serve this model (any more). */
export class ModelNotFoundError extends LobstahError {
  static override readonly name = 'ModelNotFoundError'
  override readonly name = 'ModelNotFoundError'
  readonly code = 'model_not_found'
  readonly retryable = true
  constructor(message = 'The model is not served', init?: LobstahErrorInit) {
    super(message, { param: 'model', ...init })
  }
}

/** The model was served, and its last contributor has been gone for too long to wait. Found locally, never sent. */
export class ModelDepartedError extends LobstahError {
  static override readonly name = 'ModelDepartedError'
  override readonly name = 'ModelDepartedError'
  readonly code = 'model_not_found'
  readonly retryable = true
  constructor(message = 'The model is not served any more', init?: LobstahErrorInit) {
    super(message, { param: 'model', ...init })
  }
}

/** Prompt and answer do not fit the model's context. */
export class ContextLengthExceededError extends LobstahError {
  static override readonly name = 'ContextLengthExceededError'
  override readonly name = 'ContextLengthExceededError'
  readonly code = 'context_length_exceeded'
  readonly retryable = false
  constructor(message = "The request does not fit the model's context", init?: LobstahErrorInit) {
    super(message, { param: 'messages', ...init })
  }
}

/** Every slot is taken and the queue is full. */
export class BusyError extends LobstahError {
  static override readonly name = 'BusyError'
  override readonly name = 'BusyError'
  readonly code = 'busy'
  readonly retryable = true
  constructor(message = 'Every slot is taken and the queue is full', init?: LobstahErrorInit) {
    super(message, { retryAfterMs: 2000, ...init })
  }
}

/** The contributor's owner lets it take no orders now. */
export class PausedError extends LobstahError {
  static override readonly name = 'PausedError'
  override readonly name = 'PausedError'
  readonly code = 'paused'
  readonly retryable = true
  constructor(message = 'The owner of the contributor lets it take no orders now', init?: LobstahErrorInit) {
    super(message, { retryAfterMs: 60_000, ...init })
  }
}

/** The consumer owes the contributor as much as its credit line allows. */
export class CreditExhaustedError extends LobstahError {
  static override readonly name = 'CreditExhaustedError'
  override readonly name = 'CreditExhaustedError'
  readonly code = 'credit_exhausted'
  readonly retryable = true
  constructor(message = 'The credit line is exhausted', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The contributor does not serve this peer. */
export class NotAllowedError extends LobstahError {
  static override readonly name = 'NotAllowedError'
  override readonly name = 'NotAllowedError'
  readonly code = 'not_allowed'
  readonly retryable = true
  constructor(message = 'The contributor does not serve this peer', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The order is forged, stale, replayed, or names another price, digest or peer. */
export class OrderRefusedError extends LobstahError {
  static override readonly name = 'OrderRefusedError'
  override readonly name = 'OrderRefusedError'
  readonly code = 'order_refused'
  readonly retryable = true
  constructor(message = 'The order is refused', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** A receipt is forged, stale, out of sequence, implausible, or names another price or peer. */
export class ReceiptRefusedError extends LobstahError {
  static override readonly name = 'ReceiptRefusedError'
  override readonly name = 'ReceiptRefusedError'
  readonly code = 'receipt_refused'
  readonly retryable = true
  constructor(message = 'The receipt is refused', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The consumer left two receipts unacknowledged, or acknowledged one wrongly. */
export class UnacknowledgedError extends LobstahError {
  static override readonly name = 'UnacknowledgedError'
  override readonly name = 'UnacknowledgedError'
  readonly code = 'receipt_unacknowledged'
  readonly retryable = false
  constructor(message = 'Two receipts are unacknowledged', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The engine failed, or ended without saying why. */
export class EngineFailedError extends LobstahError {
  static override readonly name = 'EngineFailedError'
  override readonly name = 'EngineFailedError'
  readonly code = 'engine_failed'
  readonly retryable = true
  constructor(message = 'The engine failed', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The node drains before it stops, and takes no new work. */
export class ShuttingDownError extends LobstahError {
  static override readonly name = 'ShuttingDownError'
  override readonly name = 'ShuttingDownError'
  readonly code = 'shutting_down'
  readonly retryable = true
  constructor(message = 'The node is shutting down', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** A deadline of the protocol passed. */
export class DeadlineError extends LobstahError {
  static override readonly name = 'DeadlineError'
  override readonly name = 'DeadlineError'
  readonly code = 'deadline'
  readonly retryable = true
  constructor(message = 'The peer did not answer in time', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The consumer cancelled the request. */
export class CancelledError extends LobstahError {
  static override readonly name = 'CancelledError'
  override readonly name = 'CancelledError'
  readonly code = 'cancelled'
  readonly retryable = false
  constructor(message = 'The request was cancelled', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** A failure without its own code; details stay in the contributor's log. */
export class InternalError extends LobstahError {
  static override readonly name = 'InternalError'
  override readonly name = 'InternalError'
  readonly code = 'internal'
  readonly retryable = true
  constructor(message = 'Internal error', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** The stream ended without `end` or `error`: the peer is lost. Local only, never sent. */
export class PeerLostError extends LobstahError {
  static override readonly name = 'PeerLostError'
  override readonly name = 'PeerLostError'
  readonly code = 'peer_lost'
  readonly retryable = true
  constructor(message = 'The connection to the contributor was lost', init?: LobstahErrorInit) {
    super(message, init)
  }
}

/** No contributor of the model is reachable. Local only, never sent. */
export class NoProviderError extends LobstahError {
  static override readonly name = 'NoProviderError'
  override readonly name = 'NoProviderError'
  readonly code = 'no_provider'
  readonly retryable = true
  constructor(message = 'No reachable contributor serves this model', init?: LobstahErrorInit) {
    super(message, { retryAfterMs: 2000, ...init })
  }
}

/** Every contributor of the model charges more than this node will pay. Local only, never sent. */
export class PriceTooHighError extends LobstahError {
  static override readonly name = 'PriceTooHighError'
  override readonly name = 'PriceTooHighError'
  readonly code = 'price_too_high'
  readonly retryable = false
  constructor(message = "The model costs more than this node's price limit", init?: LobstahErrorInit) {
    super(message, { param: 'model', ...init })
  }
}

/** This node could not store an order or a receipt, for example on a full disk. Local only, never sent. */
export class LedgerFailedError extends LobstahError {
  static override readonly name = 'LedgerFailedError'
  override readonly name = 'LedgerFailedError'
  readonly code = 'ledger_failed'
  readonly retryable = false
  constructor(message = "This node's ledger failed", init?: LobstahErrorInit) {
    super(message, init)
  }
}

const WIRE_ERRORS = [
  BadRequestError,
  InvalidFrameError,
  UnsupportedParameterError,
  ModelNotFoundError,
  ContextLengthExceededError,
  BusyError,
  PausedError,
  CreditExhaustedError,
  NotAllowedError,
  OrderRefusedError,
  ReceiptRefusedError,
  UnacknowledgedError,
  EngineFailedError,
  ShuttingDownError,
  DeadlineError,
  CancelledError,
  InternalError
] as const

/** The classes of the errors that may be sent, by code. */
export const WIRE_ERRORS_BY_CODE: ReadonlyMap<string, (typeof WIRE_ERRORS)[number]> = new Map(
  WIRE_ERRORS.map((errorClass) => [new errorClass().code, errorClass])
)

/** Converts anything thrown into an error that may be sent; errors without a code become {@link InternalError}. */
export function toLobstahError(err: unknown): LobstahError {
  return err instanceof LobstahError ? err : new InternalError(undefined, { cause: err })
}
