import { createParser } from 'eventsource-parser'

export interface SseTranscript {
  /** The data of every event, in order. */
  data: string[]
  comments: string[]
}

/** The events and comments of a complete stream's text. */
export function readSse(text: string): SseTranscript {
  const transcript: SseTranscript = { data: [], comments: [] }
  const parser = createParser({
    onEvent: ({ data }) => transcript.data.push(data),
    onComment: (comment) => transcript.comments.push(comment)
  })
  parser.feed(text)
  return transcript
}
