/**
 * @packageDocumentation
 *
 * How many tokens a text can honestly have, whichever vocabulary its model has: what a consumer holds a contributor's
 * counts against, and a contributor its engine's.
 *
 * @example
 * ```ts
 * import { AnswerText, TokenCounter } from './index.ts'
 *
 * const counter = new TokenCounter()
 * const answer = new AnswerText()
 * answer.add({ content: 'Hello there' })
 * console.log(await answer.most(100, counter))
 * await counter.stop()
 * ```
 */
export * from './answer-text.ts'
export * from './prompt-text.ts'
export * from './token-counter.ts'
