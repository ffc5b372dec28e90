import { cost, type Price } from '../../../protocols/index.ts'

/** Tokens that an order may bill. */
export interface ReservedTokens {
  promptTokens: number
  completionTokens: number
}

export interface ReservationComponents {
  price: Price
  /** Holds so many more micro-credits. Throws CreditExhaustedError where the line does not allow it. */
  hold: (microCredits: number) => void
  /** Gives so many micro-credits back. */
  free: (microCredits: number) => void
}

/** The reservation of one order, which never bills more than it reserved. */
export class Reservation {
  readonly #components: ReservationComponents
  #tokens: ReservedTokens = { promptTokens: 0, completionTokens: 0 }
  /** Micro-credits held, those that the ledger counts meanwhile included. */
  #covers = 0
  #kept = 0
  #released = false

  /** Reserves. Throws CreditExhaustedError where the line does not allow it. */
  constructor(tokens: ReservedTokens, components: ReservationComponents) {
    this.#components = components
    this.extend(tokens)
  }

  get tokens(): Readonly<ReservedTokens> {
    return this.#tokens
  }

  /** Reserves at least so many tokens. Throws CreditExhaustedError, and changes nothing, where the line does not allow it. */
  extend({ promptTokens, completionTokens }: ReservedTokens): void {
    const tokens = {
      promptTokens: Math.max(promptTokens, this.#tokens.promptTokens),
      completionTokens: Math.max(completionTokens, this.#tokens.completionTokens)
    }
    // More than can be owed at all is more than any line.
    const covers = cost(this.#components.price, tokens.promptTokens, tokens.completionTokens) ?? Infinity
    if (covers > this.#covers) this.#components.hold(covers - this.#covers)
    this.#tokens = tokens
    this.#covers = covers
  }

  /** The order comes to so many micro-credits in the end: the rest is free. */
  close(microCredits: number): void {
    if (this.#released || microCredits >= this.#covers) return
    this.#components.free(this.#covers - microCredits)
    this.#covers = microCredits
  }

  /** The ledger counts so many micro-credits of the order as debt now. */
  kept(microCredits: number): void {
    if (this.#released || microCredits <= this.#kept) return
    this.#components.free(microCredits - this.#kept)
    this.#kept = microCredits
  }

  /** The order is over: what it did not come to is free again. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#components.free(this.#covers - this.#kept)
  }
}
