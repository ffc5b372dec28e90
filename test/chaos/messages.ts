import type { GenerateRequest } from '../../protocols/index.ts'

/** Settings of a contributor's process. */
export interface ContributorSettings {
  home: string
  /** Where it listens, and what it tells others. */
  port: number
  announcedPort: number
  words: number
  tokenMs: number
}

/** Messages from a contributor's process; any message to it asks for its books. */
export type FromContributor =
  | { type: 'ready'; peer: string }
  | { type: 'asked'; tag: string; at: number }
  | { type: 'books'; earned: number; claimed: number; disputed: number; orders: string[] }

/** The text by which a request is known wherever it is asked. */
export function tagOf(request: GenerateRequest): string | undefined {
  const text =
    request.kind === 'completion'
      ? request.prompt
      : request.messages.map(({ content }) => JSON.stringify(content)).join(' ')
  return /request-\d+/.exec(text)?.[0]
}
