import { BadRequestError } from '../../protocols/errors.ts'
import type { GatewayContext } from '../context.ts'
import { paramOf } from '../parse.ts'
import type { Call } from '../route.ts'
import { MAX_PDF_TEXT_LENGTH, REQUEST_DEADLINE_MS } from './constants.ts'
import type { PdfResult } from './messages.ts'
import { PdfText } from './pdf-text.ts'

/**
 * Reads the PDFs of a parsed body and puts their text where they are. Throws BadRequestError naming the field of one
 * that cannot be read, BusyError, what {@link Keys.check} throws, or what ended the call.
 */
export async function readDocuments(
  { pdfs, calls, keys, components }: GatewayContext,
  { body, request, reply }: Call<{ model: string }>
): Promise<void> {
  const found = [...pdfsIn(body)]
  if (found.length === 0) return
  keys.check(request.caller, ...(components.consumer.spellings?.(body.model) ?? [body.model]))
  const call = calls.open(reply.raw)
  const signal = AbortSignal.any([call, AbortSignal.timeout(REQUEST_DEADLINE_MS)])
  let length = 0
  for (const pdf of found) {
    let result: PdfResult = await pdfs.read(pdf.bytes, signal)
    call.throwIfAborted()
    if ('text' in result && (length += result.text.length) > MAX_PDF_TEXT_LENGTH) result = { fault: 'long' }
    const fault = pdf.settle(result)
    if (fault === undefined) continue
    const param = paramOf(request.body, pdf.sent)
    throw new BadRequestError(`'${param}' ${fault}`, { param })
  }
}

/** The parts of a parsed body that stand for PDFs. */
function* pdfsIn(value: unknown): Generator<PdfText> {
  if (value instanceof PdfText) yield value
  else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) yield* pdfsIn(member)
  }
}
