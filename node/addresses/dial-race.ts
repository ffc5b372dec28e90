import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** From one address of a peer to the next, in milliseconds. */
const STAGGER_MS = 250

/** How much longer relayed addresses wait when there are others, in milliseconds. */
const RELAY_DELAY_MS = 1500

/** One address of a dial, and when it is tried. */
export interface Step {
  address: Multiaddr
  /** Milliseconds after the dial's start. */
  at: number
  /** Whether it is tried at once when all before it have failed. */
  early: boolean
  /** Milliseconds after the dial's start when it is given up. */
  until: number
}

/** A plan's addresses, best first, by how this node knows them. */
export interface Candidates {
  /** Addresses that the user named, or that have led to the peer before. */
  known: Multiaddr[]
  told: Multiaddr[]
  relayed: Multiaddr[]
}

/**
 * When each address is tried. Those that others told begin by the clock, whatever has become of the ones before, and
 * so do all after them: otherwise the peer at one address could tell whether the port at another was open.
 */
export function schedule({ known, told, relayed }: Candidates, giveUpMs: number): Step[] {
  const direct = [...known, ...told]
  const delay = direct.length === 0 ? 0 : (direct.length - 1) * STAGGER_MS + RELAY_DELAY_MS
  return [
    ...direct.map((address, n) => ({
      address,
      at: n * STAGGER_MS,
      early: n < known.length,
      until: giveUpMs
    })),
    ...relayed.map((address, n) => {
      const at = delay + n * STAGGER_MS
      return { address, at, early: told.length === 0, until: at + giveUpMs }
    })
  ]
}

/**
 * Tries the steps by their schedule; the first connection wins, and the others are given up. Throws what they
 * failed by when all have, or the signal's reason.
 */
export async function race(
  steps: Step[],
  dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>,
  signal: AbortSignal
): Promise<Connection> {
  const { promise: won, resolve, reject } = Promise.withResolvers<Connection>()
  const pending = new Map<Step, { begin: () => void; controller: AbortController; begun: boolean }>()
  const timers = new Set<NodeJS.Timeout>()
  const errors: unknown[] = []
  let over = false
  const settle = (step: Step): void => {
    pending.delete(step)
    if (pending.size === 0)
      reject(errors.length === 1 ? errors[0] : new AggregateError(errors, 'No address of the peer answers'))
    // Only what waits for nobody else's word begins early.
    if ([...pending.values()].every(({ begun }) => !begun)) {
      const [next] = pending
      if (next?.[0].early === true) next[1].begin()
    }
  }
  for (const step of steps) {
    // Aborted only while it is being dialled: later, some transports would close the connection.
    const controller = new AbortController()
    const entry = {
      controller,
      begun: false,
      begin: () => {
        if (entry.begun || over) return
        entry.begun = true
        dial(step.address, controller.signal).then(
          (connection) => {
            pending.delete(step)
            if (over) connection.abort(new DOMException('Another address was faster', 'AbortError'))
            else resolve(connection)
          },
          (err: unknown) => {
            errors.push(err)
            settle(step)
          }
        )
      }
    }
    pending.set(step, entry)
  }
  for (const [step, { begin, controller }] of pending) {
    timers.add(setTimeout(begin, step.at))
    timers.add(
      setTimeout(() => controller.abort(new DOMException('No answer in time', 'TimeoutError')), step.until)
    )
  }
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    const [first] = pending.values()
    first?.begin()
    return await won
  } finally {
    over = true
    signal.removeEventListener('abort', onAbort)
    for (const timer of timers) clearTimeout(timer)
    for (const { controller } of pending.values())
      controller.abort(new DOMException('Given up', 'AbortError'))
  }
}
