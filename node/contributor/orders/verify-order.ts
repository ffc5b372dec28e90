import {
  CLOCK_SKEW_MS,
  InvalidRecordError,
  ModelNotFoundError,
  ORDER,
  OrderRefusedError,
  canonicalModelName,
  cost,
  open,
  type OfferedModel,
  type Order,
  type SignedRecord
} from '../../../protocols/index.ts'

export interface OrderContext {
  /** The peer at the other end of the connection. */
  peer: string
  /** This node. */
  contributor: string
  models: OfferedModel[]
  /** Milliseconds since 1970. */
  now: number
}

/**
 * Verifies an order and finds the model it names. Throws OrderRefusedError when it is forged, stale, for
 * somebody else, or not at the announced price and digest; ModelNotFoundError.
 */
export async function verifyOrder(
  record: SignedRecord,
  context: OrderContext
): Promise<{ order: Order; model: OfferedModel }> {
  const order = await openOrder(record, context.peer)
  if (order.contributor !== context.contributor)
    throw new OrderRefusedError('The order is for another contributor')
  if (Math.abs(order.issuedAt - context.now) > CLOCK_SKEW_MS) {
    throw new OrderRefusedError('The order is not of this time: is a clock wrong by more than 5 minutes?')
  }
  if (order.expiresAt < context.now) throw new OrderRefusedError('The order has expired')
  if (order.kind !== 'embedding' && order.maxCompletionTokens === 0) {
    throw new OrderRefusedError('The order pays for no completion tokens')
  }
  const wanted = canonicalModelName(order.model)
  const model = context.models.find(({ id }) => canonicalModelName(id) === wanted)
  if (model === undefined) throw new ModelNotFoundError(`The model ${order.model} is not served here`)
  if (order.digest !== model.digest) throw new OrderRefusedError('The model has another digest now')
  if (order.price.prompt !== model.price.prompt || order.price.completion !== model.price.completion) {
    throw new OrderRefusedError('The model has another price now')
  }
  if (cost(order.price, order.maxPromptTokens, order.maxCompletionTokens) === undefined) {
    throw new OrderRefusedError('The order is over any amount that can be owed')
  }
  return { order, model }
}

async function openOrder(record: SignedRecord, peer: string): Promise<Order> {
  try {
    return await open(ORDER, record, peer)
  } catch (err) {
    if (err instanceof InvalidRecordError) throw new OrderRefusedError(err.message, { cause: err })
    throw err
  }
}
