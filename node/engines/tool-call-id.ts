import { randomUUID } from 'node:crypto'

/** An id for a tool call that its engine gave none. */
export function newToolCallId(): string {
  return `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`
}
