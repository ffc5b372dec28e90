/**
 * The part of Go's `text/template` that chat templates use, as a tree. The syntax is that of
 * https://pkg.go.dev/text/template; whatever is not understood throws TemplateError.
 */

/** A template that this program cannot read, or cannot run. */
export class TemplateError extends Error {
  static override readonly name = 'TemplateError'
  override readonly name = 'TemplateError'
}

export type Operand =
  | { type: 'literal'; value: string | number | boolean | null }
  /** `.A.B`, `$x.A`, `(…).A`: where it begins, and the fields on the way. */
  | { type: 'path'; from: 'dot' | Pipe | { variable: string }; fields: string[] }
  | { type: 'call'; name: string }

/** Commands, each of which gets the result of the one before as its last argument. */
export interface Pipe {
  /** The variables that take the result, and whether they are new. */
  variables: string[]
  declares: boolean
  commands: Operand[][]
}

export type Node =
  | { type: 'text'; text: string }
  | { type: 'print'; pipe: Pipe }
  | { type: 'if' | 'with' | 'range'; pipe: Pipe; then: Node[]; else: Node[] }
  | { type: 'break' | 'continue' }

/** Longest template that is read, in characters. */
const MAX_LENGTH = 256 * 1024

/** Blocks or parentheses within one another. */
const MAX_DEPTH = 100

/** The content of an action's braces. */
const ACTION = /(-\s)?((?:"(?:\\.|[^"\\])*"|`[^`]*`|\/\*[^]*?\*\/|[^"`])*?)(\s-)?\}\}/y
const TOKEN =
  /\s*("(?:\\.|[^"\\])*"|`[^`]*`|:=|[=|(,]|\)[\w.]*|-?\d+(?:\.\d+)?|\$[\w.]*|\.[\w.]*|[A-Za-z_]\w*)\s*/y

type Piece = { text: string } | { action: string[] }

/** The tree of a template. */
export function parseTemplate(template: string): Node[] {
  if (template.length > MAX_LENGTH) throw new TemplateError('The template is too long')
  const parser = new Parser(pieces(template))
  const nodes = parser.list()
  parser.expectEnd()
  return nodes
}

function pieces(template: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  let trims = false
  const addText = (raw: string, trimsEnd: boolean): void => {
    const begun = trims ? raw.trimStart() : raw
    const text = trimsEnd ? begun.trimEnd() : begun
    if (text !== '') found.push({ text })
  }
  for (let open = template.indexOf('{{'); open >= 0; open = template.indexOf('{{', at)) {
    ACTION.lastIndex = open + 2
    const [, left, inner = '', right] = ACTION.exec(template) ?? misread()
    addText(template.slice(at, open), left !== undefined)
    at = ACTION.lastIndex
    trims = right !== undefined
    if (!inner.trim().startsWith('/*')) found.push({ action: tokens(inner) })
  }
  addText(template.slice(at), false)
  return found
}

function misread(): never {
  throw new TemplateError('The template has an invalid action')
}

function tokens(action: string): string[] {
  const found: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < action.trimEnd().length) {
    const match = TOKEN.exec(action)
    found.push(match?.[1] ?? misread())
  }
  return found
}

class Parser {
  readonly #pieces: Piece[]
  #at = 0
  #depth = 0

  constructor(pieces: Piece[]) {
    this.#pieces = pieces
  }

  expectEnd(): void {
    if (this.#at < this.#pieces.length)
      throw new TemplateError('The template ends a block that was never opened')
  }

  /** Nodes up to the `else` or `end` of the block. */
  list(): Node[] {
    const nodes: Node[] = []
    for (let piece = this.#pieces[this.#at]; piece !== undefined; piece = this.#pieces[this.#at]) {
      if ('text' in piece) nodes.push({ type: 'text', text: piece.text })
      else if (piece.action[0] === 'else' || piece.action[0] === 'end') break
      else {
        this.#at++
        nodes.push(this.#node(piece.action))
        continue
      }
      this.#at++
    }
    return nodes
  }

  #node(action: string[]): Node {
    const [word = '', ...rest] = action
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return this.#block(word, rest)
      case 'break':
      case 'continue':
        return { type: word }
      default:
        return { type: 'print', pipe: new Pipes(action).whole() }
    }
  }

  #block(type: 'if' | 'with' | 'range', condition: string[]): Node {
    if (++this.#depth > MAX_DEPTH) throw new TemplateError('The template nests too deep')
    const pipe = new Pipes(condition).whole()
    const then = this.list()
    const block = { type, pipe, then, else: this.#otherwise() }
    this.#depth--
    return block
  }

  /** The part of a block after its first list, up to its end. */
  #otherwise(): Node[] {
    const [word, next, ...rest] = this.#take()
    if (word === 'end') return []
    if (next === 'if' || next === 'with') return [this.#block(next, rest)]
    const nodes = this.list()
    if (this.#take()[0] !== 'end') throw new TemplateError('The template has a block without an end')
    return nodes
  }

  #take(): string[] {
    const piece = this.#pieces[this.#at++]
    if (piece === undefined || 'text' in piece)
      throw new TemplateError('The template has a block without an end')
    return piece.action
  }
}

/** Reads the tokens of one action. */
class Pipes {
  readonly #tokens: string[]
  #at = 0
  #depth = 0

  constructor(tokens: string[]) {
    this.#tokens = tokens
  }

  whole(): Pipe {
    const assigned = this.#tokens.findIndex((token) => token === ':=' || token === '=')
    const variables = this.#tokens.slice(0, Math.max(0, assigned)).filter((token) => token !== ',')
    this.#at = assigned + 1
    const commands = this.#commands()
    if (this.#at < this.#tokens.length || variables.some((name) => !/^\$\w+$/.test(name))) misread()
    return { variables, declares: this.#tokens[assigned] === ':=', commands }
  }

  #commands(): Operand[][] {
    const commands: Operand[][] = []
    do commands.push(this.#command())
    while (this.#tokens[this.#at - 1] === '|')
    return commands
  }

  #command(): Operand[] {
    const operands: Operand[] = []
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[this.#at]) {
      if (token.startsWith(')')) break
      this.#at++
      if (token === '|') break
      operands.push(this.#operand(token))
    }
    if (operands.length === 0) throw new TemplateError('The template has an empty command')
    return operands
  }

  #operand(token: string): Operand {
    if (token === '(') {
      if (++this.#depth > MAX_DEPTH) throw new TemplateError('The template nests too deep')
      const from: Pipe = { variables: [], declares: false, commands: this.#commands() }
      this.#depth--
      const end = this.#tokens[this.#at++]
      if (end?.startsWith(')') !== true) throw new TemplateError('The template lacks a parenthesis')
      return { type: 'path', from, fields: fieldsOf(end.slice(1)) }
    }
    if (token.startsWith('"')) return literal(unquoted(token))
    if (token.startsWith('`')) return literal(token.slice(1, -1))
    if (/^-?\d/.test(token)) return literal(Number(token))
    if (token === 'true' || token === 'false') return literal(token === 'true')
    if (token === 'nil') return literal(null)
    const [first = ''] = token.split('.')
    const fields = fieldsOf(token.slice(first.length))
    if (first.startsWith('$')) return { type: 'path', from: { variable: first }, fields }
    if (token.startsWith('.')) return { type: 'path', from: 'dot', fields }
    if (!/^\w+$/.test(token)) misread()
    return { type: 'call', name: token }
  }
}

function fieldsOf(path: string): string[] {
  return path.split('.').filter((field) => field !== '')
}

/** A string's text; Go's escapes are JSON's, but for a few that no template needs. */
function unquoted(token: string): string {
  try {
    return JSON.parse(token) as string
  } catch {
    throw new TemplateError(`The template has an invalid string: ${token}`)
  }
}

function literal(value: string | number | boolean | null): Operand {
  return { type: 'literal', value }
}
