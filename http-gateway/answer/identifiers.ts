import { randomUUID } from 'node:crypto'
import type { ToolCallDelta } from '../../protocols/inference/index.ts'

/** `chatcmpl-…` and the like. */
export function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '')
}

/** Sees to it that every tool call's first delta has an id: clients cannot answer a call without one. */
export class ToolCallIds {
  readonly #known = new Set<number>()

  /** The delta, with an id if it is its call's first; later ones go on without. */
  identify(delta: ToolCallDelta): ToolCallDelta {
    if (this.#known.has(delta.index)) return delta
    this.#known.add(delta.index)
    return delta.id === undefined ? { ...delta, id: newId('call_') } : delta
  }
}
