import type { ToolCallDelta } from '../../../protocols/index.ts'
import { addPiece, type DeliveredCall } from './delivered.ts'
import { DisagreementError } from './joint.ts'

/** Leaves out the tool calls that a client has, where a contributor that answers anew makes them again. */
export class RepeatedCalls {
  readonly #known: ReadonlyMap<number, DeliveredCall>
  readonly #made = new Map<number, DeliveredCall>()

  constructor(known: ReadonlyMap<number, DeliveredCall>) {
    this.#known = known
  }

  /** Whether all that the client has were made again. */
  get complete(): boolean {
    return [...this.#known].every(([index, call]) => this.#made.get(index)?.arguments === call.arguments)
  }

  /** The pieces that are new. Throws DisagreementError where a call is another one. */
  pass(pieces: readonly ToolCallDelta[]): ToolCallDelta[] {
    return pieces.filter((piece) => {
      const known = this.#known.get(piece.index)
      if (known === undefined) return true
      const made = addPiece(this.#made, piece)
      if (!known.name.startsWith(made.name) || !known.arguments.startsWith(made.arguments))
        throw new DisagreementError(false)
      return false
    })
  }
}
