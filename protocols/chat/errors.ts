import { InternalError, LobstahError, WIRE_ERRORS_BY_CODE } from '../errors.ts'
import {
  MAX_ERROR_MESSAGE_LENGTH,
  MAX_ERROR_PARAM_LENGTH,
  MAX_RETRY_AFTER_MS,
  type ErrorFrame
} from './frames.ts'

/** A peer failed with a code that this version does not know. */
class UnknownCodeError extends LobstahError {
  static override readonly name = 'UnknownCodeError'
  override readonly name = 'UnknownCodeError'
  readonly code: string
  readonly retryable: boolean
  constructor(frame: ErrorFrame) {
    super(frame.message, frame)
    this.code = frame.code
    this.retryable = frame.retryable
  }
}

/** An error as a frame. Only LobstahErrors tell their message; what else was thrown stays in this process. */
export function toErrorFrame(err: LobstahError): ErrorFrame {
  const sendable = WIRE_ERRORS_BY_CODE.has(err.code) ? err : new InternalError()
  const { code, message, retryable, param, retryAfterMs } = sendable
  return {
    type: 'error',
    code,
    message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH),
    retryable,
    ...(param === undefined ? {} : { param: param.slice(0, MAX_ERROR_PARAM_LENGTH) }),
    ...(retryAfterMs === undefined
      ? {}
      : { retryAfterMs: Math.min(Math.round(retryAfterMs), MAX_RETRY_AFTER_MS) })
  }
}

/** The error that a peer's frame tells of, by its code. */
export function fromErrorFrame(frame: ErrorFrame): LobstahError {
  const errorClass = WIRE_ERRORS_BY_CODE.get(frame.code)
  if (errorClass === undefined) return new UnknownCodeError(frame)
  return new errorClass(frame.message, { param: frame.param, retryAfterMs: frame.retryAfterMs })
}
