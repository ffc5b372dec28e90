import type { Connection } from '@libp2p/interface'
import type { InferenceRequest, OfferedModel } from '../../../protocols/index.ts'
import type { Contributor, Directory } from '../../discovery/index.ts'
import type { Peers } from '../peers/peers.ts'
import type { Prober } from '../peers/prober.ts'
import type { Among, Watch } from '../explaining/watch.ts'
import type { Attempts } from './attempts.ts'
import { awaitCandidate } from './await-candidate.ts'
import type { Candidate, Candidates } from './candidates.ts'
import type { Departures } from './departures.ts'
import { evidenceOf } from './evidence.ts'
import { judge } from './judge.ts'
import type { Judged } from './judged.ts'
import { order } from './ranking.ts'

/** Peers whose connections failed that are probed for one request. */
const MAX_PROBES = 4

/** What is asked of the next contributor. */
export interface Wanted {
  request: InferenceRequest
  /** Whether a model may go on with what the client has. */
  accepts: (model: OfferedModel) => boolean
  /** Whether a model is asked before all others. @default none is */
  prefers?: (model: OfferedModel) => boolean
  /** Peers that the request may go to. @default all that are allowed */
  among?: Among | undefined
  /** Told of each judgement. */
  watch?: Watch | undefined
}

export interface ChooserComponents {
  directory: Directory
  candidates: Candidates
  departures: Departures
  peers: Peers
  prober: Pick<Prober, 'probe'>
  /** Keeps the node alive until work in the background is done. */
  background: (work: Promise<void>) => void
  /** Milliseconds since 1970. */
  now: () => number
}

/** Chooses who is asked next, and waits where one may come, or come back, in a moment. */
export class Chooser {
  readonly #components: ChooserComponents

  constructor(components: ChooserComponents) {
    this.#components = components
  }

  /** All that serve the model, as they are judged now, with the reasons why some are not asked. */
  judged(
    { request, accepts, among = () => true }: Wanted,
    attempts?: Attempts,
    session?: string
  ): Judged<Candidate>[] {
    const { candidates } = this.#components
    const all = candidates
      .of(request, session, attempts)
      .filter(({ provider, model }) => among(provider.peer, model))
    const usualAnswer = candidates.usualAnswer(request.model)
    return judge(
      all.map((candidate) => ({ ...candidate, continues: accepts(candidate.model) })),
      request,
      { usualAnswer }
    )
  }

  /** The largest context of the candidates that lack only room; undefined if there are none. */
  tooSmall(wanted: Wanted): number | undefined {
    const contexts = this.judged(wanted)
      .filter(({ exclusions }) => exclusions.length === 1 && exclusions[0] === 'context')
      .map(({ candidate }) => candidate.contextLength ?? 0)
    return contexts.length === 0 ? undefined : Math.max(...contexts)
  }

  /** The candidates that may be asked, the best first; empty where there are none and none is expected. */
  async choose(
    wanted: Wanted,
    attempts: Attempts,
    session: string | undefined,
    signal?: AbortSignal
  ): Promise<Judged<Candidate>[]> {
    const best = (): Judged<Candidate>[] | undefined => this.#ranked(wanted, attempts, session)
    const { directory, departures } = this.#components
    for (;;) {
      const known = best() ?? ((await this.#probeUnreachable(wanted, attempts, signal)) ? best() : undefined)
      const back = attempts.waitsUntil(performance.now())
      if (known !== undefined || back === undefined) {
        if (known !== undefined || attempts.begun) return known ?? []
        break
      }
      await directory.changed(Math.max(1, back - performance.now()), signal)
    }
    const departure = departures.of(wanted.request.model)
    const options = { ...this.#components, departure, signal }
    return (await awaitCandidate(wanted.request.model, best, options)) ?? []
  }

  #ranked(wanted: Wanted, attempts: Attempts, session: string | undefined): Judged<Candidate>[] | undefined {
    const { peers, background, now } = this.#components
    const judged = this.judged(wanted, attempts, session)
    wanted.watch?.judged(judged)
    for (const { candidate } of judged) {
      const { peer } = candidate.provider
      if (peers.health(peer).probeDue(now())) background(this.#probe(peer).then(() => undefined))
    }
    const ranked = order(judged, evidenceOf(judged.map(({ candidate }) => candidate)))
    const { prefers = () => false } = wanted
    ranked.sort((a, b) => Number(prefers(b.candidate.model)) - Number(prefers(a.candidate.model)))
    return ranked.length === 0 ? undefined : ranked
  }

  /** Probes peers whose connections failed, where nobody else is left to be asked; tells whether one has answered. */
  async #probeUnreachable(
    wanted: Wanted,
    attempts: Attempts,
    signal: AbortSignal | undefined
  ): Promise<boolean> {
    const found = this.judged(wanted, attempts)
      .filter(({ exclusions }) => exclusions.length === 1 && exclusions[0] === 'unreachable')
      .slice(0, MAX_PROBES)
    const answered = await Promise.all(found.map(({ candidate }) => this.#probe(candidate.provider.peer)))
    signal?.throwIfAborted()
    return answered.includes(true)
  }

  async #probe(peer: string): Promise<boolean> {
    const { directory, prober } = this.#components
    const contributor = directory.contributors().find((other) => other.peer === peer)
    return await prober.probe(peer, connectionTo(directory, contributor))
  }
}

function connectionTo(
  directory: ChooserComponents['directory'],
  contributor: Contributor | undefined
): Connection | undefined {
  return contributor && directory.connection(contributor.id)
}
