import { chunkEnd } from './chunks.ts'

/** A text that grows: its whole chunks, and the beginning of the next. */
export class RunningText {
  /** Whole chunks that were not counted yet. */
  chunks: string[] = []
  rest = ''
  /** The most tokens of the chunks that were counted, and forgotten. */
  counted = 0

  add(text: string): void {
    this.rest += text
    for (;;) {
      const end = chunkEnd(this.rest, 0)
      if (end === this.rest.length) return
      this.chunks.push(this.rest.slice(0, end))
      this.rest = this.rest.slice(end)
    }
  }
}
