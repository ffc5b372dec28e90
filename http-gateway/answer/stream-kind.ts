/** How a stream is framed, and what keeps it alive through silence. */
export interface StreamKind {
  contentType: string
  /** Bytes that every client of the format passes over. */
  ping: string
}

/** Server-sent events; comments are the one thing that every client of OpenAI's formats tolerates. */
export const SERVER_SENT_EVENTS: StreamKind = { contentType: 'text/event-stream', ping: ': ping\n\n' }

/** One JSON document a line. A space belongs to the next line, where JSON allows it. */
export const JSON_LINES: StreamKind = { contentType: 'application/x-ndjson', ping: ' ' }
