import {
  PriceTooHighError,
  canonicalModelName,
  type OfferedModel,
  type Price
} from '../../../protocols/index.ts'

/** The most this node pays for the tokens of a model, where it was told so. */
export class PriceLimits {
  readonly #limits: ReadonlyMap<string, Price>

  /** Takes limits in micro-credits a token, by model. */
  constructor(limits: Readonly<Record<string, Price>>) {
    this.#limits = new Map(Object.entries(limits).map(([name, price]) => [canonicalModelName(name), price]))
  }

  /** Whether a contributor asks more for a model than is to be paid. */
  exceeds({ id, price }: OfferedModel): boolean {
    const limit = this.#limits.get(canonicalModelName(id))
    return limit !== undefined && (price.prompt > limit.prompt || price.completion > limit.completion)
  }

  /** What to tell a user when all who serve a model ask too much for it; undefined where none does. */
  explain(model: string, offered: OfferedModel[]): PriceTooHighError | undefined {
    const limit = this.#limits.get(canonicalModelName(model))
    const [cheapest] = offered
      .filter((offer) => this.exceeds(offer))
      .toSorted((a, b) => a.price.completion - b.price.completion || a.price.prompt - b.price.prompt)
    if (limit === undefined || cheapest === undefined) return undefined
    return new PriceTooHighError(
      `Whoever serves ${model} asks at least ${text(cheapest.price)}, and the setting maxPrice allows ` +
        `${text(limit)}. Raise it, or choose another model.`
    )
  }
}

function text({ prompt, completion }: Price): string {
  return `${prompt} micro-credits for a prompt token and ${completion} for a completion token`
}
