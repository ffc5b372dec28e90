/** The meaning of each exit code, for `--help` and the reference. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed',
  2: 'wrong flag, argument or setting',
  3: 'node, engine or model not available',
  130: 'interrupted'
}

/** The exit codes of failures. */
export const EXIT = { failed: 1, usage: 2, unavailable: 3, interrupted: 130 } as const

/** A command cannot do what it was asked; the message says why and what to do. */
export class CommandError extends Error {
  static override readonly name = 'CommandError'
  override readonly name = 'CommandError'
  readonly exitCode: number
  constructor(message = 'The command failed', exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Another lobstah-node runs on the same home. */
export class HomeInUseError extends CommandError {
  constructor(home: string, options?: ErrorOptions) {
    super(
      `Another lobstah-node is running on ${home}. Stop it, or start this one with another home: --home <folder>`,
      EXIT.usage,
      options
    )
  }
}
