import { z } from 'zod'
import { InternalError, LobstahError, WIRE_ERRORS_BY_CODE } from '../errors.ts'

/** Longest message of an error frame, in characters. */
export const MAX_ERROR_MESSAGE_LENGTH = 1024

/** Longest name of a parameter in an error frame, in characters. */
export const MAX_ERROR_PARAM_LENGTH = 256

/** Longest pause that an error can ask for, in milliseconds: a day. */
export const MAX_RETRY_AFTER_MS = 86_400_000

const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** The most tokens that a consumer accepts for what was delivered. */
export const acceptableCounts = z.object({ promptTokens: amount, completionTokens: amount })

/** The frame that ends a failed exchange: `protocols/README.md#errors`. */
export const errorFrame = z.object({
  type: z.literal('error'),
  code: z.string().max(64),
  message: z.string().max(MAX_ERROR_MESSAGE_LENGTH),
  param: z.string().max(MAX_ERROR_PARAM_LENGTH).optional(),
  retryable: z.boolean(),
  retryAfterMs: z.number().int().min(0).max(MAX_RETRY_AFTER_MS).optional(),
  contextLength: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  /** With `receipt_refused`: the most that the consumer would have accepted. */
  acceptable: acceptableCounts.optional()
})
export type ErrorFrame = z.infer<typeof errorFrame>

/** The peer's error has a code that this version does not know. */
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

/** Converts an error into a frame. Errors without a code from the table become `internal`, without their message. */
export function toErrorFrame(err: LobstahError): ErrorFrame {
  const sendable = WIRE_ERRORS_BY_CODE.has(err.code) ? err : new InternalError()
  const { code, message, retryable, param, retryAfterMs, contextLength, acceptable } = sendable
  return {
    type: 'error',
    code,
    message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH),
    retryable,
    ...(param === undefined ? {} : { param: param.slice(0, MAX_ERROR_PARAM_LENGTH) }),
    ...(retryAfterMs === undefined
      ? {}
      : { retryAfterMs: Math.min(Math.round(retryAfterMs), MAX_RETRY_AFTER_MS) }),
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(acceptable === undefined ? {} : { acceptable })
  }
}

/** Converts a peer's error frame into an error of the class for its code. */
export function fromErrorFrame(frame: ErrorFrame): LobstahError {
  const errorClass = WIRE_ERRORS_BY_CODE.get(frame.code)
  if (errorClass === undefined) return new UnknownCodeError(frame)
  const { message, param, retryAfterMs, contextLength, acceptable } = frame
  return new errorClass(message, { param, retryAfterMs, contextLength, acceptable })
}
