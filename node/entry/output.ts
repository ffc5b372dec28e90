import { TextCleaner, cleanJson, cleanLine, cleanText } from './terminal-text.ts'

/** Where commands write: text for people, or JSON for programs. */
export interface Output {
  readonly json: boolean
  /** A command's answer: one JSON document, or its text. */
  result(value: unknown, text: () => string): void
  /** Something that happened, while a command goes on: one line of JSON, or its text if it has one. */
  event(value: Record<string, unknown>, text: () => string | undefined): void
  /** A piece of text that is being streamed; nothing in JSON. */
  piece(text: string): void
  /** An aside for people, on stderr. */
  note(text: string): void
}

/** Writes to the process's own streams. Much of it is what peers said: nothing in it acts on the terminal. */
export function processOutput(json: boolean): Output {
  const cleaner = new TextCleaner()
  const line = (text: string): void => void process.stdout.write(`${text}\n`)
  const document = (value: unknown): string => cleanJson(JSON.stringify(value))
  return {
    json,
    result: (value, text) => line(json ? document(value) : cleanText(text())),
    event: (value, text) => {
      const said = json ? document(value) : text()
      if (said !== undefined) line(json ? said : cleanText(said))
    },
    piece: (text) => {
      if (!json) process.stdout.write(cleaner.next(text))
    },
    note: (text) => void process.stderr.write(`${cleanText(text)}\n`)
  }
}

/** Micro-credits as credits. */
export function credits(micro: number): string {
  return (micro / 1_000_000).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** Rows in columns. Each cell stays on its line, whoever wrote it. */
export function table(cells: string[][]): string {
  const rows = cells.map((row) => row.map(cleanLine))
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)),
    []
  )
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}
