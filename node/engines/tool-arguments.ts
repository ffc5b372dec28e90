/**
 * The arguments of a tool call in the history, as the object that engines and their templates want. Text that is no
 * JSON object, which models do write and clients send back, is wrapped: `{"arguments": "…"}`.
 */
export function argumentsObject(text: string): Record<string, unknown> {
  if (text.trim() === '') return {}
  try {
    const parsed = JSON.parse(text) as unknown
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>
    }
  } catch {
    // Wrapped below.
  }
  return { arguments: text }
}
