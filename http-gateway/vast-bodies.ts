import { BadRequestError } from '../protocols/errors.ts'
import { MAX_REQUEST_VALUES } from '../protocols/inference/index.ts'

/** Deepest nesting of a body: what handles it, JSON.stringify among them, calls itself for each level. */
const MAX_DEPTH = 256

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c]
/** `[`, `{` and `]`, `}`. */
const [OPEN_LIST, OPEN_OBJECT, CLOSE_LIST, CLOSE_OBJECT] = [0x5b, 0x7b, 0x5d, 0x7d]

/**
 * Throws BadRequestError where a JSON text has more values than a request may have, or is nested too deeply. To
 * parse 64 MiB of brackets takes many seconds and gigabytes, in which the node does nothing else; strings, of
 * which large bodies consist, are skipped here.
 */
export function refuseVast(json: string): void {
  let [commas, opened, depth] = [0, 0, 0]
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at)
        break
      case COMMA:
        commas++
        break
      case OPEN_LIST:
      case OPEN_OBJECT:
        opened++
        if (++depth > MAX_DEPTH) {
          throw new BadRequestError(`The body is nested deeper than ${MAX_DEPTH} levels`)
        }
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--
    }
    if (commas > MAX_REQUEST_VALUES || opened > MAX_REQUEST_VALUES) {
      throw new BadRequestError(`The body has more than ${MAX_REQUEST_VALUES} values`)
    }
  }
}

/** Where the string ends that begins at a quote: the next quote that no backslash takes for itself. */
function endOfString(json: string, start: number): number {
  let end = start
  do end = json.indexOf('"', end + 1)
  while (end >= 0 && isEscaped(json, end))
  return end < 0 ? json.length : end
}

function isEscaped(json: string, at: number): boolean {
  let first = at
  while (json.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}
