/** How much structure a JSON text may have. */
export interface JsonBounds {
  /** Lists, objects and what is in them. */
  values: number
  /** Levels of nesting. Code that handles a value, such as `JSON.stringify`, recurses for each level. */
  depth: number
}

/** Bounds of every frame but the request document, and of a signed record's payload. */
export const FRAME_BOUNDS: JsonBounds = { values: 65_536, depth: 32 }

/** Bounds of a request document, and of the body of a request to the gateway. */
export const REQUEST_BOUNDS: JsonBounds = { values: 131_072, depth: 256 }

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c]
/** `[`, `{` and `]`, `}`. */
const [OPEN_LIST, OPEN_OBJECT, CLOSE_LIST, CLOSE_OBJECT] = [0x5b, 0x7b, 0x5d, 0x7d]

/**
 * Says how a JSON text, in UTF-8, exceeds its bounds; undefined where it does not. It looks at the bytes once and
 * allocates nothing: to parse 64 MiB of brackets instead takes gigabytes and many seconds, in which the node does
 * nothing else.
 */
export function excess(json: Uint8Array, { values, depth }: JsonBounds): string | undefined {
  let [count, level] = [1, 0]
  const { length } = json
  for (let at = 0; at < length; at++) {
    switch (json[at]) {
      case QUOTE:
        for (at++; at < length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++
        break
      case COMMA:
        if (++count > values) return `has more than ${values} values`
        break
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++count > values) return `has more than ${values} values`
        if (++level > depth) return `is nested deeper than ${depth} levels`
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        level--
    }
  }
  return undefined
}
