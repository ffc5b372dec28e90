import type { BatchFault, Line } from './records.ts'

/** Most faults that a failed batch lists. */
const MAX_FAULTS = 100

/** Longest custom_id, in characters. */
const MAX_CUSTOM_ID_LENGTH = 512

export interface BatchLinesInit {
  /** The path that every line has to name. */
  endpoint: string
  /** Most lines of a batch. */
  maxLines: number
  /** Longest line, in bytes. */
  maxLineBytes: number
  /** Parses a line. Throws where it is not JSON, or too deep. */
  parse: (text: Buffer) => unknown
}

/** Reads and checks the lines of an input file: one fault fails the whole batch, so that all are collected. */
export class BatchLines {
  readonly #init: BatchLinesInit
  readonly #customIds = new Set<string>()
  readonly faults: BatchFault[] = []
  #rest: Buffer = Buffer.alloc(0)
  #number = 0
  #count = 0
  /** The one model of all lines. */
  model: string | undefined

  constructor(init: BatchLinesInit) {
    this.#init = init
  }

  /** Lines so far. */
  get count(): number {
    return this.#count
  }

  /** Whether there are so many faults that the rest need not be read. */
  get hopeless(): boolean {
    return this.faults.length >= MAX_FAULTS
  }

  /** Takes the next piece of the file; returns the good lines that it completes. */
  add(piece: Uint8Array): Line[] {
    const bytes = this.#rest.byteLength === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece])
    const lines: Line[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      lines.push(...this.#line(bytes.subarray(start, end)))
      start = end + 1
      if (this.hopeless) break
    }
    this.#rest = bytes.subarray(start)
    if (this.#rest.byteLength > this.#init.maxLineBytes) {
      this.#fault(
        'invalid_json_line',
        `A line has more than ${this.#init.maxLineBytes} bytes.`,
        null,
        this.#number + 1
      )
      this.#rest = Buffer.alloc(0)
    }
    return lines
  }

  /** Takes the end of the file. */
  end(): Line[] {
    const lines = this.#line(this.#rest)
    this.#rest = Buffer.alloc(0)
    if (this.#count === 0 && this.faults.length === 0)
      this.#fault('empty_file', 'The input file has no requests: write one JSON object a line.', null, null)
    return lines
  }

  #line(bytes: Buffer): Line[] {
    this.#number++
    // A byte order mark, and blank lines, are no requests.
    const text = this.#number === 1 && bytes.subarray(0, 3).equals(BOM) ? bytes.subarray(3) : bytes
    if (text.every((byte) => byte === 32 || byte === 13 || byte === 9)) return []
    this.#count++
    if (this.#count > this.#init.maxLines) {
      if (this.#count === this.#init.maxLines + 1)
        this.#fault(
          'too_many_tasks',
          `The input file has more than ${this.#init.maxLines} requests: split it.`,
          null,
          null
        )
      return []
    }
    const before = this.faults.length
    const line = this.#check(text)
    return line === undefined || this.faults.length > before ? [] : [line]
  }

  #check(text: Buffer): Line | undefined {
    let value: unknown
    try {
      value = this.#init.parse(text)
    } catch {
      value = undefined
    }
    if (!isObject(value)) {
      this.#fault('invalid_json_line', 'This line is not a valid JSON object.')
      return undefined
    }
    const { custom_id: customId, method, url, body } = value
    if (typeof customId !== 'string' || customId === '' || customId.length > MAX_CUSTOM_ID_LENGTH) {
      this.#fault(
        customId === undefined ? 'missing_required_parameter' : 'invalid_custom_id',
        `'custom_id' must be text of 1 to ${MAX_CUSTOM_ID_LENGTH} characters.`,
        'custom_id'
      )
    } else if (this.#customIds.has(customId)) {
      this.#fault(
        'duplicate_custom_id',
        `The custom_id ${JSON.stringify(customId)} is used by an earlier line; each must be unique within a batch.`,
        'custom_id'
      )
    } else this.#customIds.add(customId)
    if (method === undefined)
      this.#fault('missing_required_parameter', "'method' is missing: use POST.", 'method')
    else if (method !== 'POST') this.#fault('invalid_method', "'method' must be POST.", 'method')
    if (url === undefined)
      this.#fault('missing_required_parameter', `'url' is missing: use ${this.#init.endpoint}.`, 'url')
    else if (url !== this.#init.endpoint)
      this.#fault('url_mismatch', `'url' must be ${this.#init.endpoint}, the endpoint of the batch.`, 'url')
    if (!isObject(body)) {
      this.#fault(
        body === undefined ? 'missing_required_parameter' : 'invalid_body',
        "'body' must be an object: the body of the request.",
        'body'
      )
      return undefined
    }
    this.#checkBody(body)
    return { n: this.#number, customId: String(customId), body }
  }

  #checkBody(body: Record<string, unknown>): void {
    const { model, stream } = body
    if (typeof model !== 'string' || model === '') {
      this.#fault('missing_required_parameter', "'body.model' must name a model.", 'body.model')
    } else if (this.model === undefined) this.model = model
    else if (this.model !== model) {
      this.#fault(
        'model_mismatch',
        `This line asks another model than the lines before it, ${JSON.stringify(this.model)}; a batch asks one.`,
        'body.model'
      )
    }
    if (stream === true)
      this.#fault(
        'invalid_request',
        "'body.stream' must be false or left out: a batch has no streams.",
        'body.stream'
      )
  }

  #fault(
    code: string,
    message: string,
    param: string | null = null,
    line: number | null = this.#number
  ): void {
    if (!this.hopeless) this.faults.push({ code, line, message, param })
  }
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
