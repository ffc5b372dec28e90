/** Which methods a path answers, so that a wrong one is told from a wrong path. */
export class RouteTable {
  readonly #methods = new Map<string, Set<string>>()

  /** `pattern` is a path, or one that ends with `/*` for everything below it. */
  add(pattern: string, methods: string | string[]): void {
    const known = this.#methods.get(pattern) ?? new Set()
    this.#methods.set(pattern, known)
    for (const method of [methods].flat()) known.add(method)
  }

  /** Every method of every pattern, but the HEAD that comes with each GET. */
  *all(): Generator<[method: string, pattern: string]> {
    for (const [pattern, methods] of this.#methods)
      for (const method of methods) if (method !== 'HEAD') yield [method, pattern]
  }

  methods(url: string): string[] {
    const path = url
      .replace(/[?#].*$/, '')
      .replace(/\/{2,}/g, '/')
      .replace(/(?<=.)\/$/, '')
    for (const [pattern, methods] of this.#methods) {
      const matches = pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
      if (matches) return [...methods]
    }
    return []
  }
}
