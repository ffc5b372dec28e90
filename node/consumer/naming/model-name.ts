/** Fewest hexadecimal digits that name a digest: a shorter ending could be a peer's name. */
export const MIN_DIGEST_DIGITS = 6

/** The name by which the best model in reach is asked for, whichever it is. */
export const AUTO = 'auto'

const DIGEST = new RegExp(`^(?:sha256:)?([0-9a-f]{${MIN_DIGEST_DIGITS},64})$`, 'i')

/** A model's name as a client writes it, taken apart: `qwen3:8b@3fa9c1` or `qwen3:8b@mia`. */
export interface ModelName {
  /** The name without what is after its last `@`. */
  model: string
  /** What is after it. */
  at: string | undefined
}

/** Takes a name apart. A name without a model or without an ending has no `at`. */
export function parseModelName(name: string): ModelName {
  const trimmed = name.trim()
  const place = trimmed.lastIndexOf('@')
  if (place <= 0 || place === trimmed.length - 1) return { model: trimmed, at: undefined }
  return { model: trimmed.slice(0, place), at: trimmed.slice(place + 1) }
}

/** The hexadecimal digits that an ending means, in lower case; undefined where it cannot be a digest. */
export function digestDigits(at: string): string | undefined {
  return DIGEST.exec(at)?.[1]?.toLowerCase()
}

/** Whether a digest begins with some digits. */
export function hasDigest(digest: string | null, digits: string): boolean {
  return digest !== null && bareDigest(digest).startsWith(digits)
}

/** A digest without the name of its algorithm. */
export function bareDigest(digest: string): string {
  return digest.toLowerCase().replace(/^sha256:/, '')
}
