/** How servers name the limit that a prompt broke: a JSON field, or words before or after the number. */
const PATTERNS = [
  /"n_ctx\\?"\s*:\s*(\d{2,9})\b/,
  /context (?:length|size|window)(?: of| is| only|:|=)*\s*\(?(\d{2,9})\b/i,
  /(\d{2,9})[- ]tokens? (?:context|limit)/i,
  /must be (?:<=|less than or equal to|at most) (\d{2,9})\b/i
]

/** The context length that an engine names in its own error, in tokens; undefined where it names none. */
export function contextLengthIn(text: string): number | undefined {
  for (const pattern of PATTERNS) {
    const found = Number(pattern.exec(text)?.[1])
    if (found > 0) return found
  }
  return undefined
}
