import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How often the process is looked at, in milliseconds. */
const INTERVAL_MS = 2000

/** Shares of an interval spent working: above the first there is garbage to collect, below the second nobody waits. */
const BUSY = 0.1
const IDLE = 0.02

/**
 * Collects all garbage once after each busy time, the start included, when the process has come to rest. V8 collects
 * only while it allocates: an idle node would keep some 40 MB of garbage for as long as it idles. A collection stops
 * the process for up to 90 ms. Returns how to stop.
 */
export function collectWhenIdle(): () => void {
  const look = collector(fullCollection())
  let last = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    look(performance.eventLoopUtilization(last).utilization)
    // The collection's own time does not count as work.
    last = performance.eventLoopUtilization()
  }, INTERVAL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Calls `collect` when it is told of rest after work: takes the share of each interval that was spent working, 0 to 1. */
export function collector(collect: () => void): (utilization: number) => void {
  let due = true
  return (utilization) => {
    if (utilization > BUSY) due = true
    if (!due || utilization > IDLE) return
    due = false
    collect()
  }
}

/** V8's own full collection, as `--expose-gc` gives it. */
export function fullCollection(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
