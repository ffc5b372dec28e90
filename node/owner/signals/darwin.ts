import type { Reading, SignalSource } from './reading.ts'
import { because, type Runner } from './runner.ts'

/** Power from `pmset`, input and load from `ioreg`: none of them needs root. */
export function darwinSignals(run: Runner): SignalSource {
  return {
    read: async ({ busy, signal }) => {
      const reading = <T>(
        file: string,
        args: string[],
        parse: (output: string) => T | undefined
      ): Promise<Reading<T>> => ask(run, file, args, parse, signal)
      const [power, input, load] = await Promise.all([
        reading('pmset', ['-g', 'batt'], parsePmset),
        reading('ioreg', ['-c', 'IOHIDSystem', '-d', '4'], parseHidIdle),
        reading('ioreg', ['-r', '-d', '1', '-w', '0', '-c', 'IOAccelerator'], parseAccelerators)
      ])
      return { power, input, gpu: busy ? OWN_LOAD : load }
    },
    close: () => undefined
  }
}

/** macOS tells the load of the whole graphics processor only. */
const OWN_LOAD: Reading<number> = {
  known: false,
  detail: "macOS does not tell this node's load from others'"
}

/** Reads the first line of `pmset -g batt`, such as `Now drawing from 'AC Power'`. */
export function parsePmset(output: string): 'mains' | 'battery' | undefined {
  const source = /drawing from '([^']+)'/i.exec(output)?.[1]
  if (source === undefined) return undefined
  return source === 'AC Power' ? 'mains' : 'battery'
}

/** Milliseconds from `"HIDIdleTime" = 4180633708`, which is in nanoseconds. */
export function parseHidIdle(output: string): number | undefined {
  const times = [...output.matchAll(/"HIDIdleTime"\s*=\s*(\d+)/g)].map(([, ns]) => Number(ns) / 1e6)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The highest `"Device Utilization %"=12` of all graphics processors; `no_gpu` where none is listed. */
export function parseAccelerators(output: string): number | 'no_gpu' {
  const loads = [...output.matchAll(/"Device Utilization %"\s*=\s*(\d+)/g)].map(([, load]) => Number(load))
  return loads.length === 0 ? 'no_gpu' : Math.max(...loads)
}

async function ask<T>(
  run: Runner,
  file: string,
  args: string[],
  parse: (output: string) => T | undefined,
  signal: AbortSignal
): Promise<Reading<T>> {
  try {
    const value = parse(await run(file, args, signal))
    return value === undefined ? { known: false, detail: `${file} does not tell` } : { known: true, value }
  } catch (err) {
    return { known: false, detail: because(err) }
  }
}
