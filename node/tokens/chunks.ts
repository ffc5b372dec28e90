import { CHUNK_LENGTH } from './constants.ts'

/** Where the next chunk of a text ends: after CHUNK_LENGTH units, never inside a surrogate pair. */
export function chunkEnd(text: string, start: number): number {
  const end = start + CHUNK_LENGTH
  if (end >= text.length) return text.length
  const last = text.charCodeAt(end - 1)
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end
}

/** A text in chunks, each counted by itself. */
export function chunksOf(text: string): string[] {
  const chunks: string[] = []
  for (let start = 0; start < text.length;) {
    const end = chunkEnd(text, start)
    chunks.push(text.slice(start, end))
    start = end
  }
  return chunks
}
