import type { Failure } from '../failures.ts'

/** Ollama's error document; its `code` is ours. */
export function toOllamaError({ message, code }: Failure): { error: string; code: string } {
  return { error: message, code }
}
