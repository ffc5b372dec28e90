import {
  BadRequestError,
  InvalidFrameError,
  OrderRefusedError,
  REQUEST_BOUNDS,
  canonicalModelName,
  decodeJson,
  inferenceRequest,
  plausiblePromptTokens,
  sha256,
  type InferenceRequest,
  type OfferedModel,
  type Order
} from '../../../protocols/index.ts'

/** The request document, checked against its order. Throws OrderRefusedError, or BadRequestError when it is malformed. */
export function checkRequest(document: Uint8Array, order: Order, model: OfferedModel): InferenceRequest {
  if (sha256(document) !== order.requestHash)
    throw new OrderRefusedError('The request is not the one that was ordered')
  // With a lower bound the prompt would be read and not paid for.
  if (order.maxPromptTokens !== plausiblePromptTokens(document.byteLength)) {
    throw new OrderRefusedError('The order bounds the prompt by more, or less, than the request can have')
  }
  const request = decodeRequest(document)
  if (request.kind !== order.kind || canonicalModelName(request.model) !== canonicalModelName(order.model)) {
    throw new OrderRefusedError('The request is of another kind, or for another model, than the order')
  }
  if (request.kind === 'embedding') return { ...request, model: model.id }
  const max_tokens = Math.min(request.max_tokens ?? order.maxCompletionTokens, order.maxCompletionTokens)
  return { ...request, model: model.id, max_tokens }
}

function decodeRequest(document: Uint8Array): InferenceRequest {
  try {
    return decodeJson(inferenceRequest, document, REQUEST_BOUNDS)
  } catch (err) {
    if (!(err instanceof InvalidFrameError)) throw err
    throw new BadRequestError('The request document is not valid', { cause: err.cause })
  }
}
