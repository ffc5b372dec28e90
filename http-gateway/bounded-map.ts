export interface BoundedMapInit<V> {
  /** How long all values together may be. */
  maxLength: number
  lengthOf: (value: V) => number
}

/** A map that drops the values that were not used for longest as soon as they are too long together. */
export class BoundedMap<V> {
  readonly #init: BoundedMapInit<V>
  readonly #values = new Map<string, V>()
  #length = 0

  constructor(init: BoundedMapInit<V>) {
    this.#init = init
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  set(key: string, value: V): void {
    this.#drop(key)
    this.#values.set(key, value)
    this.#length += this.#init.lengthOf(value)
    for (const [oldest] of this.#values) {
      if (this.#length <= this.#init.maxLength) break
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    const value = this.#values.get(key)
    if (value === undefined) return
    this.#values.delete(key)
    this.#length -= this.#init.lengthOf(value)
  }
}
