/** A call's arguments as the object that they should be; what is none is kept as it came. */
export function toInput(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text === '' ? '{}' : text)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  } catch {
    // The model wrote no JSON; a client should see what it wrote.
  }
  return { arguments: text }
}
