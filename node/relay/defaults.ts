/** The limits a relay puts on its peers. A circuit is one relayed connection, with all its streams. */
export interface RelayLimits {
  /** Peers that hold a place at once. */
  reservations: number
  /** Circuits that one peer may have opened at once. */
  circuitsPerPeer: number
  /** Bytes through one circuit, both ways together. */
  bytesPerCircuit: number
  /** Longest life of a circuit, in milliseconds. */
  circuitMs: number
  /** Bytes a second that one peer may send through the relay, over all its circuits. */
  bytesPerSecond: number
}

/**
 * For hours of chat, with a request of 64 MiB now and then. The setting `relayLimits` takes its defaults from here,
 * and docs/relay.md is checked against them.
 */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  reservations: 4096,
  circuitsPerPeer: 256,
  bytesPerCircuit: 16 * 2 ** 30,
  circuitMs: 24 * 3600 * 1000,
  bytesPerSecond: 8 * 2 ** 20
}
