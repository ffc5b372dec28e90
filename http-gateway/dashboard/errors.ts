import { RefusedError } from '../errors.ts'

/** A command of the dashboard failed; the message says why, and what to do. */
export class DashboardCommandError extends RefusedError {
  static override readonly name = 'DashboardCommandError'
  override readonly name = 'DashboardCommandError'
  readonly code = 'command_failed'
}
