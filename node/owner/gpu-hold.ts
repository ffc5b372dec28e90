import { GPU_BUSY_LOOKS, GPU_BUSY_PERCENT, GPU_HOLD_MS } from './constants.ts'
import type { Signals } from './signals/index.ts'

/** Steadies the load of the graphics processor: busy after two busy looks, free a minute after the last. */
export class GpuHold {
  #looks = 0
  #busyAt: number | undefined

  /** The signals with the load as it counts; `now` is of a clock that only goes forward. */
  steady(signals: Signals, now: number): Signals {
    const { gpu } = signals
    const load = gpu.known && gpu.value !== 'no_gpu' ? gpu.value : 0
    this.#looks = load >= GPU_BUSY_PERCENT ? this.#looks + 1 : 0
    if (this.#looks >= GPU_BUSY_LOOKS) this.#busyAt = now
    if (this.#busyAt !== undefined && now - this.#busyAt < GPU_HOLD_MS)
      return { ...signals, gpu: { known: true, value: Math.max(load, GPU_BUSY_PERCENT) } }
    if (load < GPU_BUSY_PERCENT) return signals
    return { ...signals, gpu: { known: true, value: GPU_BUSY_PERCENT - 1 } }
  }
}
