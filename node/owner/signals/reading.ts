/** The machine's reading, or the reason why there is none. */
export type Reading<T> = { known: true; value: T } | { known: false; detail: string }

/** Signs of the owner's use of the machine. */
export interface Signals {
  power: Reading<'mains' | 'battery'>
  /** Milliseconds since the last input; `no_desktop` where nobody can sit at it. */
  input: Reading<number | 'no_desktop'>
  /** Load of the graphics processor that is not this node's, in percent. */
  gpu: Reading<number | 'no_gpu'>
}

/** Looks at one kind of machine. */
export interface SignalSource {
  /** Looks now. `busy` says that this node's engine is, or was a moment ago, at work. Never rejects. */
  read(options: { busy: boolean; signal: AbortSignal }): Promise<Signals>
  close(): void
}

/** Readings of which none is known, all for one reason. */
export function unknown(detail: string): Signals {
  const reading = { known: false, detail } as const
  return { power: reading, input: reading, gpu: reading }
}
