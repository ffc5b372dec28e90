const SPACE = '[ \\t\\r\\n]*'
const BEGIN = new RegExp(SPACE, 'y')
const STRING = token('"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
const SCALAR = token('(?:-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?|true|false|null)(?![\\w.+-])')
const [OPEN_OBJECT, CLOSE_OBJECT] = [token('\\{'), token('\\}')]
const [OPEN_ARRAY, CLOSE_ARRAY] = [token('\\['), token('\\]')]
const [COLON, COMMA] = [token(':'), token(',')]

/**
 * The offset of the first misplaced token in a text that is not JSON (RFC 8259). The messages of `JSON.parse` name
 * the place for some mistakes only.
 */
export function jsonErrorOffset(text: string): number {
  let at = 0
  function take(pattern: RegExp): boolean {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  function value(): boolean {
    if (take(OPEN_OBJECT)) return take(CLOSE_OBJECT) || (items(member) && take(CLOSE_OBJECT))
    if (take(OPEN_ARRAY)) return take(CLOSE_ARRAY) || (items(value) && take(CLOSE_ARRAY))
    return take(STRING) || take(SCALAR)
  }
  function member(): boolean {
    return take(STRING) && take(COLON) && value()
  }
  function items(item: () => boolean): boolean {
    do if (!item()) return false
    while (take(COMMA))
    return true
  }
  take(BEGIN)
  value()
  return at
}

function token(source: string): RegExp {
  return new RegExp(source + SPACE, 'y')
}
