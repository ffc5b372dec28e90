/**
 * @packageDocumentation
 *
 * What the owner of a machine allows: hours, pauses, tokens, and that its own use comes first. A pure policy
 * (`policy.ts`) over plain data; signals of the machine (`signals/`) behind one interface.
 *
 * @example
 * ```ts
 * import { owner, signalSource } from './index.ts'
 *
 * const mine = owner({ limits, pauseFile: '/var/lib/lobstah/pause.json', contributes: true })({
 *   source: signalSource({ env: {} }),
 *   tokensSince: async () => 0,
 *   active: () => 0,
 *   memoryBytes: 16e9,
 *   now: Date.now,
 *   log
 * })
 * await mine.start()
 * mine.check()
 * ```
 */
import type { Logger, Startable } from '@libp2p/interface'
import { MachineOwner } from './owner.ts'
import type { Limits, Pause, Verdict } from './policy.ts'
import type { Signals, SignalSource } from './signals/index.ts'
import type { TokensSince } from './tokens-served.ts'

export * from './errors.ts'
export { parseWindow } from './hours.ts'
export { writePause } from './pause-file.ts'
export type { Pause, Verdict } from './policy.ts'
export { signalSource, type Signals, type SignalSource } from './signals/index.ts'
export { addDays, machineZone, startOfDate, wallTime } from './zone.ts'

/** Everything that the owner limits. */
export interface OwnerLimits extends Limits {
  /** Requests answered at once; undefined leaves it to the engine. */
  slots: number | undefined
  /** Models that peers get; all, where none is named. */
  serveModels: readonly string[]
  /** Percent of the memory that a model which peers get may take. */
  memoryShare: number | undefined
}

export interface OwnerInit {
  limits: OwnerLimits
  /** Where a pause is kept. */
  pauseFile: string
  /** Whether peers are served at all; otherwise nothing is looked at. */
  contributes: boolean
}

export interface OwnerComponents {
  source: SignalSource
  /** Tokens of prompts and answers that peers got since a time. */
  tokensSince: TokensSince
  /** Requests that this node's engine answers now. */
  active: () => number
  /** Memory of the machine, in bytes. */
  memoryBytes: number
  /** Milliseconds since 1970. */
  now: () => number
  log: Logger
}

/** The state of the limits now. */
export interface OwnerState {
  verdict: Verdict
  pause: Pause | undefined
  /** Tokens served to peers today and this month. */
  tokens: { day: number; month: number }
  /** Undefined on a node that serves no peers. */
  signals: Signals | undefined
}

/** The permissions that this machine's owner gives, from moment to moment. */
export interface Owner extends Startable {
  /** Whether peers are served now. */
  readonly open: boolean
  /** Requests answered at once; undefined leaves it to the engine. */
  readonly slots: number | undefined
  readonly limits: OwnerLimits
  /** Fires, with a PausedError, when the tokens of the day or month are used up: running answers are handed over. */
  readonly over: AbortSignal
  /** Throws PausedError while peers are not served. */
  check(): void
  /** Whether peers get a model; `size` is in bytes. */
  offers(model: { id: string; size?: number | null }): boolean
  /** Counts tokens that a peer got. */
  used(tokens: number): void
  /** Calls back when `open`, `slots` or the offered models may have changed, until what it returns is called. */
  onChange(listener: () => void): () => void
  state(): OwnerState
  setLimits(limits: OwnerLimits): Promise<void>
  /** Serves no peers until a time in milliseconds since 1970, or until resumed. Throws PauseFileError. */
  pause(until: number | null | 'tomorrow'): Promise<void>
  /** Ends a pause. Throws PauseFileError. */
  resume(): Promise<void>
}

/** The owner of this machine. */
export function owner(init: OwnerInit): (components: OwnerComponents) => Owner {
  return (components) => new MachineOwner(init, components)
}
