import {
  BadRequestError,
  ModelNotFoundError,
  NoProviderError,
  canonicalModelName,
  type InferenceRequest,
  type OfferedModel
} from '../../../protocols/index.ts'
import { autoModels, type Offer } from './auto.ts'
import { AUTO, bareDigest, digestDigits, hasDigest, parseModelName } from './model-name.ts'

/** How many digests or peers an error lists. */
const MAX_LISTED = 6

/** Shortest part of a peer's id by which it is found; all ids begin with the same eight characters. */
const MIN_PEER_PREFIX = 9

export interface NamesInit {
  /** Names that stand for others. @default none */
  aliases?: Readonly<Record<string, string>>
  /** The user's own names for peers. @default none */
  petnames?: Readonly<Record<string, string>>
  /** This node's peer id. */
  peer: string
}

/** What names are resolved against. */
export interface Reach {
  /** What can be asked now. */
  offers: Offer[]
  /** Peers that this node knows, whether or not they can be asked. */
  peers: readonly string[]
}

/** Who may answer at all. */
export interface Confinement {
  peer?: string
  /** The first digits of the digest. */
  digest?: string
}

/** A model that a name stands for. */
export interface Target {
  /** The name as it was written. */
  name: string
  /** The model to ask for. */
  model: string
  /** What stood between the two; undefined where the name is the model's own. */
  as: 'alias' | 'auto' | undefined
  confined: Confinement
}

export interface ResolveOptions {
  /** Whether upper and lower case are different letters. @default false */
  exactCase?: boolean
}

/** The names by which models are asked for: their own, aliases, `model@digest`, `model@peer` and `auto`. */
export class Names {
  readonly #aliases: [string, string][]
  readonly #petnames: ReadonlyMap<string, string>
  readonly #peer: string

  constructor({ aliases = {}, petnames = {}, peer }: NamesInit) {
    this.#aliases = Object.entries(aliases)
    this.#petnames = new Map(Object.entries(petnames).map(([name, id]) => [name.toLowerCase(), id]))
    this.#peer = peer
  }

  /** Names that stand for others. */
  get aliases(): readonly (readonly [alias: string, target: string])[] {
    return this.#aliases
  }

  /** All names that a name goes by on its way to a model, itself first; those of a choice of peer or digest without it. */
  spellings(name: string, options: ResolveOptions = {}): string[] {
    const { model } = parseModelName(name)
    const expanded = this.#expand(model, options)
    return [...new Set([name, model, expanded, parseModelName(expanded).model])]
  }

  /** Whether a name confines its request to one peer, or to one digest. */
  confines(name: string, reach: Reach, options: ResolveOptions = {}): boolean {
    if (isServed(name, reach)) return false
    return (
      parseModelName(this.#expand(name, options)).at !== undefined || parseModelName(name).at !== undefined
    )
  }

  /**
   * The models that a name stands for: one, or for `auto` several, the best first. Throws ModelNotFoundError,
   * NoProviderError, or BadRequestError where a name could mean several.
   */
  resolve(
    name: string,
    request: InferenceRequest,
    reach: Reach,
    options: ResolveOptions & { allows?: (model: string) => boolean } = {}
  ): Target[] {
    const expanded = this.#expand(name, options)
    const alias = expanded === name ? undefined : ('alias' as const)
    if (isServed(expanded, reach)) return [this.#target(name, expanded, alias, {})]
    const whole = parseModelName(expanded)
    // A peer or a digest may follow an alias too.
    const model = this.#expand(whole.model, options)
    const inner = parseModelName(model)
    const at = whole.at ?? inner.at
    const base = inner.at === undefined || isServed(model, reach) ? model : inner.model
    const as = base === whole.model ? alias : ('alias' as const)
    const isAuto = canonicalModelName(base) === canonicalModelName(AUTO)
    const confined = at === undefined ? {} : this.#confinement(isAuto ? undefined : base, at, reach)
    if (isAuto) return this.#auto(name, request, within(reach.offers, confined), confined, options.allows)
    if (options.exactCase === true && as === undefined) checkCase(base, reach.offers)
    return [this.#target(name, base, as, confined)]
  }

  #target(name: string, model: string, as: Target['as'], confined: Confinement): Target {
    return { name, model, as, confined }
  }

  #auto(
    name: string,
    request: InferenceRequest,
    offers: Offer[],
    confined: Confinement,
    allows: (model: string) => boolean = () => true
  ): Target[] {
    const allowed = offers.map(({ peer, models }) => ({
      peer,
      models: models.filter(({ id }) => allows(id))
    }))
    const { models, lacks } = autoModels(allowed, request)
    if (models.length === 0) {
      if (allowed.every((offer) => offer.models.length === 0))
        throw new NoProviderError('No model can be reached now')
      throw new ModelNotFoundError(`No model in reach can do all that is asked for: ${lacks.join(', ')}`)
    }
    return models.map((model) => this.#target(name, model, 'auto', confined))
  }

  /** The name that a name stands for in the end. Aliases that lead back to themselves are refused with the settings. */
  #expand(name: string, { exactCase = false }: ResolveOptions): string {
    const seen = new Set<string>()
    let at = name
    for (;;) {
      const [, target] = this.#aliases.find(([alias]) => isSame(alias, at, exactCase)) ?? []
      if (target === undefined || seen.has(target)) return at
      seen.add(target)
      at = target
    }
  }

  #confinement(model: string | undefined, at: string, reach: Reach): Confinement {
    const petname = this.#petnames.get(at.toLowerCase())
    if (petname !== undefined) return { peer: petname }
    const digits = digestDigits(at)
    return digits === undefined ? { peer: this.#peerOf(at, reach) } : digestOf(model, digits, reach.offers)
  }

  #peerOf(at: string, { peers, offers }: Reach): string {
    if (at === 'self') return this.#peer
    const known = [
      ...new Set([this.#peer, ...peers, ...offers.map(({ peer }) => peer), ...this.#petnames.values()])
    ]
    const found = at.length < MIN_PEER_PREFIX ? [] : known.filter((peer) => peer.startsWith(at))
    const [only, ...others] = found
    if (others.length > 0)
      throw new BadRequestError(`Several peers have an id that begins with ${at}: ${listed(found)}`, {
        param: 'model'
      })
    if (only !== undefined) return only
    const names = [...this.#petnames.keys(), ...peers]
    throw new ModelNotFoundError(
      `No known peer has the name ${at}, or an id that begins so (${MIN_PEER_PREFIX} characters or more). ` +
        (names.length === 0 ? 'No peer is known.' : `Known are ${listed(names)}.`)
    )
  }
}

/** Whether somebody serves a model by just this name, whatever is in it. */
function isServed(name: string, { offers }: Reach): boolean {
  return name.includes('@') && modelsOf(name, offers).length > 0
}

function modelsOf(name: string, offers: readonly Offer[]): OfferedModel[] {
  const wanted = canonicalModelName(name)
  return offers.flatMap(({ models }) => models.filter(({ id }) => canonicalModelName(id) === wanted))
}

function within(offers: Offer[], { peer, digest }: Confinement): Offer[] {
  return offers
    .filter((offer) => peer === undefined || offer.peer === peer)
    .map((offer) => ({
      ...offer,
      models: offer.models.filter((model) => digest === undefined || hasDigest(model.digest, digest))
    }))
}

/** The digest that some digits begin. Throws BadRequestError where they begin several. */
function digestOf(model: string | undefined, digits: string, offers: Offer[]): Confinement {
  const models = model === undefined ? offers.flatMap((offer) => offer.models) : modelsOf(model, offers)
  const digests = [...new Set(models.flatMap(({ digest }) => (digest === null ? [] : [bareDigest(digest)])))]
  const found = digests.filter((digest) => digest.startsWith(digits))
  if (found.length > 1)
    throw new BadRequestError(
      `Several digests of ${model ?? AUTO} begin with ${digits}: ${listed(found)}. Write more of the one you mean.`,
      { param: 'model' }
    )
  if (found.length === 0 && models.length > 0)
    throw new ModelNotFoundError(
      `No contributor in reach serves ${model ?? AUTO} with a digest that begins with ${digits}. ` +
        (digests.length === 0 ? 'None tells its digest.' : `In reach are ${listed(digests)}.`)
    )
  return { digest: found[0] ?? digits }
}

/** Throws ModelNotFoundError where a model is served by a name that differs in case alone. */
function checkCase(name: string, offers: readonly Offer[]): void {
  const served = modelsOf(name, offers)
  if (served.length === 0 || served.some(({ id }) => isSame(id, name, true))) return
  throw new ModelNotFoundError()
}

/** Whether two names are one model's: without what Ollama implies, and by its rule that case does not matter. */
function isSame(a: string, b: string, exactCase: boolean): boolean {
  if (canonicalModelName(a) !== canonicalModelName(b)) return false
  return !exactCase || stripped(a) === stripped(b)
}

function stripped(name: string): string {
  return name
    .trim()
    .replace(/^(https?:\/\/)?(registry\.ollama\.ai\/)?(library\/)?/i, '')
    .replace(/:latest$/i, '')
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(', ')
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown
}
