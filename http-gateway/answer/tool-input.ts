import { REQUEST_BOUNDS, excess } from '../../protocols/framing/index.ts'

/** A call's arguments as the object that they should be; what is none is kept as it came. */
export function toInput(text: string): object {
  // A model that writes no JSON: a client should see what it wrote.
  return parsed(text === '' ? '{}' : text) ?? { arguments: text }
}

/** Whether a call's arguments are all there: no text can follow a whole object. */
export function isWhole(text: string): boolean {
  return text.trimEnd().endsWith('}') && parsed(text) !== undefined
}

function parsed(text: string): object | undefined {
  try {
    // A peer wrote them: deep nesting would exhaust the stack of whatever writes them out again.
    if (excess(Buffer.from(text), REQUEST_BOUNDS) !== undefined) return undefined
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
