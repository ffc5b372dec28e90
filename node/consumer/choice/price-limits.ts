import {
  PRICE_CEILING_FACTOR,
  PriceTooHighError,
  canonicalModelName,
  inCredits,
  priceCeiling,
  type OfferedModel,
  type Price
} from '../../../protocols/index.ts'

/** The most this node pays for the tokens of a model: what its owner set, else a multiple of the default price. */
export class PriceLimits {
  readonly #limits: ReadonlyMap<string, Price>

  /** Takes limits in micro-credits a token, by model. */
  constructor(limits: Readonly<Record<string, Price>>) {
    this.#limits = new Map(Object.entries(limits).map(([name, price]) => [canonicalModelName(name), price]))
  }

  /** Whether a contributor asks more for a model than is to be paid. */
  exceeds(model: OfferedModel): boolean {
    const limit = this.#limit(model)
    return model.price.prompt > limit.prompt || model.price.completion > limit.completion
  }

  /** The error for the user if all contributors of a model ask too much; undefined if none does. */
  explain(model: string, offered: OfferedModel[]): PriceTooHighError | undefined {
    const [cheapest] = offered
      .filter((offer) => this.exceeds(offer))
      .toSorted((a, b) => a.price.completion - b.price.completion || a.price.prompt - b.price.prompt)
    if (cheapest === undefined) return undefined
    const limit = text(this.#limit(cheapest))
    const set = this.#limits.has(canonicalModelName(model))
    return new PriceTooHighError(
      set
        ? `Every contributor of ${model} asks at least ${text(cheapest.price)}, and the setting maxPrice allows ${limit}. ` +
            'Raise it, or choose another model.'
        : `Every contributor of ${model} asks at least ${text(cheapest.price)}. Without the setting maxPrice this node pays ` +
            `at most ${PRICE_CEILING_FACTOR} times the default price of the model's size: ${limit}. ` +
            'Set maxPrice for the model, in micro-credits a token, to pay more, or choose another model.'
    )
  }

  #limit(model: OfferedModel): Price {
    return this.#limits.get(canonicalModelName(model.id)) ?? priceCeiling(model)
  }
}

function text({ prompt, completion }: Price): string {
  return `${inCredits(prompt)} for a prompt token and ${inCredits(completion)} for a completion token`
}
