import { BoundedMap } from '../bounded-map.ts'
import type { Caller } from '../keys/key-ring.ts'

/** Most that is kept, in characters of JSON. */
const MAX_LENGTH = 8_000_000
/** Overhead of an item beyond its JSON. */
const ENTRY_LENGTH = 500

/**
 * The output items of the latest responses. Some clients, the AI SDK for one, send the items of earlier turns by their
 * ids unless they are told that nothing is stored. Each key finds its own only; a restart forgets all.
 */
export class RecentItems {
  readonly #items = new BoundedMap<string>({
    maxLength: MAX_LENGTH,
    lengthOf: (json) => ENTRY_LENGTH + json.length
  })

  keep(caller: Caller | undefined, items: object[]): void {
    for (const item of items) {
      if ('id' in item) this.#items.set(keyOf(caller, String(item.id)), JSON.stringify(item))
    }
  }

  find(caller: Caller | undefined, id: string): unknown {
    const json = this.#items.get(keyOf(caller, id))
    return json === undefined ? undefined : JSON.parse(json)
  }
}

function keyOf(caller: Caller | undefined, id: string): string {
  return `${caller?.name ?? ''}\0${id}`
}
