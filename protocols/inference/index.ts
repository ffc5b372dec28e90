/**
 * @packageDocumentation
 *
 * Inference, independent of transport: requests in OpenAI's terms, the pieces of an answer,
 * models and their prices, and the {@link Provider} that turns one into the other.
 */
export * from './answer.ts'
export * from './model.ts'
export * from './pricing.ts'
export * from './provider.ts'
export * from './request.ts'
export * from './tier.ts'
export * from './traceparent.ts'
