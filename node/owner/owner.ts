import { PausedError } from '../../protocols/index.ts'
import {
  CLOCK_INTERVAL_MS,
  GPU_OWN_MS,
  LOOK_INTERVAL_MS,
  LOOK_TIMEOUT_MS,
  MAX_RETRY_MS,
  MIN_RETRY_MS,
  UNKNOWN_RETRY_MS
} from './constants.ts'
import { GpuHold } from './gpu-hold.ts'
import type { Owner, OwnerComponents, OwnerInit, OwnerLimits, OwnerState } from './index.ts'
import { readPause, watchPause, writePause } from './pause-file.ts'
import { decide, type Pause, type Verdict } from './policy.ts'
import { unknown, type Signals } from './signals/index.ts'
import { TokensServed } from './tokens-served.ts'
import { addDays, startOfDate, wallTime } from './zone.ts'

/** See {@link Owner}. */
export class MachineOwner implements Owner {
  readonly #init: OwnerInit
  readonly #components: OwnerComponents
  readonly #listeners = new Set<() => void>()
  readonly #tokens: TokensServed
  readonly #gpu = new GpuHold()
  #limits: OwnerLimits
  #pause: Pause | undefined
  #signals: Signals = unknown('it was not looked at yet')
  #verdict: Verdict = { open: true }
  /** When the engine was last seen at work, in milliseconds of the monotonic clock. */
  #lastBusy = -Infinity
  #timers: NodeJS.Timeout[] = []
  #unwatch: (() => void) | undefined
  #looking: Promise<void> | undefined
  #stopped = new AbortController()
  #over = new AbortController()

  constructor(init: OwnerInit, components: OwnerComponents) {
    this.#init = init
    this.#components = components
    this.#limits = init.limits
    this.#tokens = new TokensServed(init.limits.timeZone)
  }

  async start(): Promise<void> {
    if (this.#unwatch !== undefined) return
    this.#stopped = new AbortController()
    const { pauseFile } = this.#init
    this.#pause = await readPause(pauseFile)
    this.#unwatch = watchPause(pauseFile, () => void this.#reread())
    await this.#tokens.load(this.#components.tokensSince, this.#limits.timeZone, this.#components.now())
    if (this.#init.contributes) {
      await this.#look()
      this.#every(LOOK_INTERVAL_MS, () => void this.#look())
    }
    this.#every(CLOCK_INTERVAL_MS, () => this.#judge())
    this.#judge()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    this.#unwatch?.()
    this.#unwatch = undefined
    await this.#looking
    this.#components.source.close()
  }

  get open(): boolean {
    this.#judge()
    return this.#verdict.open
  }

  get slots(): number | undefined {
    return this.#limits.slots
  }

  get limits(): OwnerLimits {
    return this.#limits
  }

  get over(): AbortSignal {
    return this.#over.signal
  }

  check(): void {
    this.#judge()
    if (!this.#verdict.open) throw this.#refusal(this.#verdict)
  }

  offers({ id, size }: { id: string; size?: number | null }): boolean {
    const { serveModels, memoryShare } = this.#limits
    if (serveModels.length > 0 && !serveModels.some((name) => sameModel(name, id))) return false
    if (memoryShare === undefined) return true
    // An unknown signal never counts in favour of peers.
    return size != null && size <= (this.#components.memoryBytes * memoryShare) / 100
  }

  used(tokens: number): void {
    this.#tokens.add(tokens, this.#components.now())
    this.#judge()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  state(): OwnerState {
    this.#judge()
    const now = this.#components.now()
    const verdict = this.#verdict
    return {
      verdict,
      pause: this.#pauseAt(now),
      tokens: this.#tokens.at(now),
      signals: this.#init.contributes ? this.#signals : undefined
    }
  }

  async setLimits(limits: OwnerLimits): Promise<void> {
    const zoned = limits.timeZone !== this.#limits.timeZone
    this.#limits = limits
    if (zoned) await this.#tokens.load(this.#components.tokensSince, limits.timeZone, this.#components.now())
    this.#judge()
    this.#tell()
  }

  async pause(until: number | null | 'tomorrow'): Promise<void> {
    const { timeZone } = this.#limits
    const { date } = wallTime(this.#components.now(), timeZone)
    const at = until === 'tomorrow' ? startOfDate(addDays(date, 1), timeZone) : until
    await this.#setPause({ until: at })
  }

  async resume(): Promise<void> {
    await this.#setPause(undefined)
  }

  async #setPause(pause: Pause | undefined): Promise<void> {
    await writePause(this.#init.pauseFile, pause)
    this.#pause = pause
    this.#judge()
  }

  async #reread(): Promise<void> {
    try {
      this.#pause = await readPause(this.#init.pauseFile)
    } catch (err) {
      // A file that cannot be read was written to pause.
      this.#pause = { until: null }
      this.#components.log('%s', String(err))
    }
    this.#judge()
  }

  #pauseAt(now: number): Pause | undefined {
    const pause = this.#pause
    return pause === undefined || (pause.until !== null && pause.until <= now) ? undefined : pause
  }

  /** Looks at the machine; one look at a time. */
  async #look(): Promise<void> {
    const { onBattery, whileInUse } = this.#limits
    if (onBattery && whileInUse) return
    this.#looking ??= this.#readSignals().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  async #readSignals(): Promise<void> {
    const { source, active } = this.#components
    if (active() > 0) this.#lastBusy = performance.now()
    const busy = performance.now() - this.#lastBusy < GPU_OWN_MS
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)])
    this.#signals = this.#gpu.steady(await source.read({ busy, signal }), performance.now())
    this.#judge()
  }

  #judge(): void {
    if (!this.#init.contributes) return
    const now = this.#components.now()
    const before = this.#verdict
    const verdict = decide(this.#limits, {
      now,
      pause: this.#pause,
      tokens: this.#tokens.at(now),
      signals: this.#signals
    })
    this.#verdict = verdict
    if (verdict.open) {
      if (this.#over.signal.aborted) this.#over = new AbortController()
    } else if (verdict.reason === 'tokens_per_day' || verdict.reason === 'tokens_per_month') {
      if (!this.#over.signal.aborted) this.#over.abort(this.#refusal(verdict))
    }
    if (before.open === verdict.open) return
    this.#components.log('%s', verdict.open ? 'peers are served' : `peers are not served: ${verdict.message}`)
    this.#tell()
  }

  #refusal({ message, until }: Verdict & { open: false }): PausedError {
    const now = this.#components.now()
    const inMs = until === undefined ? UNKNOWN_RETRY_MS : until - now
    const retryAfterMs = Math.ceil(Math.min(Math.max(MIN_RETRY_MS, inMs), MAX_RETRY_MS))
    return new PausedError(message, { retryAfterMs })
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  #every(intervalMs: number, work: () => void): void {
    this.#timers.push(setInterval(work, intervalMs).unref())
  }
}

/** Whether a name of the owner's stands for a model: `:latest` may be left out. */
function sameModel(name: string, id: string): boolean {
  return name === id || `${name}:latest` === id
}
