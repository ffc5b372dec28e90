import { parseTemplate, TemplateError, type Node, type Operand, type Pipe } from './parse.ts'

/** Most steps of one rendering: nested loops of a hostile template end here. */
const MAX_STEPS = 100_000

/** Longest text that a template may make, in characters. */
const MAX_TEXT_LENGTH = 1024 * 1024

/** Renders a Go template with the root value. Throws TemplateError for what it does not understand. */
export function renderTemplate(template: string, root: unknown): string {
  return new Rendering(root).run(parseTemplate(template))
}

/** How a list of nodes ended. */
type Flow = 'on' | 'break' | 'continue'

class Rendering {
  readonly #root: unknown
  #text = ''
  #steps = 0
  /** Variables, the innermost scope last. */
  readonly #scopes: Map<string, unknown>[]

  constructor(root: unknown) {
    this.#root = root
    this.#scopes = [new Map([['$', root]])]
  }

  run(nodes: Node[]): string {
    this.#list(nodes, this.#root)
    return this.#text
  }

  #list(nodes: Node[], dot: unknown): Flow {
    for (const node of nodes) {
      if (++this.#steps > MAX_STEPS) throw new TemplateError('The template takes too many steps')
      const flow = this.#node(node, dot)
      if (flow !== 'on') return flow
    }
    return 'on'
  }

  #node(node: Node, dot: unknown): Flow {
    switch (node.type) {
      case 'text':
        this.#text = bounded(this.#text + node.text)
        return 'on'
      case 'print': {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.variables.length === 0) this.#text = bounded(this.#text + printed(value))
        return 'on'
      }
      case 'break':
      case 'continue':
        return node.type
      case 'range':
        return this.#scoped(() => this.#range(node, dot))
      case 'if':
      case 'with':
        return this.#scoped(() => {
          const value = this.#pipe(node.pipe, dot)
          if (!isTrue(value)) return this.#list(node.else, dot)
          return this.#list(node.then, node.type === 'with' ? value : dot)
        })
    }
  }

  #range(node: Extract<Node, { then: Node[] }>, dot: unknown): Flow {
    const { variables, ...pipe } = node.pipe
    const over = this.#pipe({ ...pipe, variables: [] }, dot)
    const entries = entriesOf(over)
    if (entries.length === 0) return this.#list(node.else, dot)
    for (const [key, value] of entries) {
      const flow = this.#scoped(() => {
        const [first, second] = variables
        if (first !== undefined) this.#set(first, second === undefined ? value : key, true)
        if (second !== undefined) this.#set(second, value, true)
        return this.#list(node.then, value)
      })
      if (flow === 'break') break
    }
    return 'on'
  }

  #scoped(work: () => Flow): Flow {
    this.#scopes.push(new Map())
    try {
      return work()
    } finally {
      this.#scopes.pop()
    }
  }

  #set(name: string, value: unknown, declares: boolean): void {
    const scope = declares ? this.#scopes.at(-1) : this.#scopes.findLast((scope) => scope.has(name))
    if (scope === undefined) throw new TemplateError(`The template sets ${name} before it declares it`)
    scope.set(name, value)
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown
    for (const [at, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, at === 0 ? [] : [value])
    }
    for (const name of pipe.variables) this.#set(name, value, pipe.declares)
    return value
  }

  #command([first, ...rest]: Operand[], dot: unknown, last: unknown[]): unknown {
    if (first?.type === 'call') return this.#call(first.name, rest, dot, last)
    if (first === undefined || rest.length > 0 || last.length > 0)
      throw new TemplateError('The template calls something that is not a function')
    return this.#value(first, dot)
  }

  #value(operand: Operand, dot: unknown): unknown {
    if (operand.type === 'literal') return operand.value
    if (operand.type === 'call') return this.#call(operand.name, [], dot, [])
    const { from } = operand
    let value: unknown
    if (from === 'dot') value = dot
    else if ('commands' in from) value = this.#pipe(from, dot)
    else {
      const scope = this.#scopes.findLast((scope) => scope.has(from.variable))
      if (scope === undefined) throw new TemplateError(`The template has no ${from.variable}`)
      value = scope.get(from.variable)
    }
    for (const field of operand.fields) value = fieldOf(value, field)
    return value
  }

  #call(name: string, operands: Operand[], dot: unknown, last: unknown[]): unknown {
    // These two stop at the operand that decides.
    if (name === 'and' || name === 'or') {
      let value: unknown
      for (const operand of operands) {
        value = this.#value(operand, dot)
        if (isTrue(value) === (name === 'or')) return value
      }
      return last.length > 0 ? last[0] : value
    }
    const call = FUNCTIONS.get(name)
    if (call === undefined) throw new TemplateError(`The template calls the unknown function ${name}`)
    return call([...operands.map((operand) => this.#value(operand, dot)), ...last])
  }
}

/** Go's own functions for templates, and Ollama's. */
const FUNCTIONS: ReadonlyMap<string, (values: unknown[]) => unknown> = new Map([
  ['not', ([value]) => !isTrue(value)],
  ['eq', ([value, ...others]) => others.some((other) => other === value)],
  ['ne', ([value, other]) => value !== other],
  ['lt', ([a, b]) => Number(a) < Number(b)],
  ['le', ([a, b]) => Number(a) <= Number(b)],
  ['gt', ([a, b]) => Number(a) > Number(b)],
  ['ge', ([a, b]) => Number(a) >= Number(b)],
  ['len', ([value]) => (typeof value === 'string' ? Buffer.byteLength(value) : entriesOf(value).length)],
  ['index', ([value, ...keys]) => keys.reduce((inner, key) => fieldOf(inner, String(key)), value)],
  [
    'slice',
    ([value, from = 0, to]) => sliceOf(value, Number(from), to === undefined ? undefined : Number(to))
  ],
  ['print', (values) => bounded(values.map(printed).join(' '))],
  ['println', (values) => bounded(`${values.map(printed).join(' ')}\n`)],
  ['printf', ([format, ...values]) => formatted(String(format), values)],
  ['json', ([value]) => JSON.stringify(value ?? null)],
  ['currentDate', () => new Date().toISOString().slice(0, 10)],
  ['yesterdayDate', () => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)]
] satisfies [string, (values: unknown[]) => unknown][])

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)
}

function entriesOf(value: unknown): [string | number, unknown][] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return [...(value as unknown[]).entries()]
  if (typeof value === 'object') return Object.entries(value)
  throw new TemplateError('The template iterates over something that is not a list')
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined
  return (value as Record<string, unknown>)[field]
}

function sliceOf(value: unknown, from: number, to: number | undefined): unknown {
  if (typeof value === 'string' || Array.isArray(value)) return value.slice(from, to)
  throw new TemplateError('The template slices something that is not a list')
}

function printed(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value)
}

function formatted(format: string, values: unknown[]): string {
  let at = 0
  const text = format.replace(/%(%|[svdqt])/g, (_, verb: string) => {
    if (verb === '%') return '%'
    const value = values[at++]
    return verb === 'q' ? JSON.stringify(printed(value)) : printed(value)
  })
  return bounded(text)
}

function bounded(text: string): string {
  if (text.length > MAX_TEXT_LENGTH) throw new TemplateError("The template's output is too long")
  return text
}
