import { state } from './api.ts'

const MICRO = 1_000_000

/** Micro-credits as credits. */
export function credits(micro: number): string {
  const value = micro / MICRO
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 3 : 0 })
}

/** A number of anything, short. */
export function amount(value: number): string {
  return value.toLocaleString('en-US', {
    notation: value >= 10_000 ? 'compact' : 'standard',
    maximumFractionDigits: 1
  })
}

/** A length of time. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

/** Tokens a second; empty while there is nothing to tell. */
export function speed(tokens: number, ms: number): string {
  return tokens < 2 || ms < 100 ? '' : `${((tokens / ms) * 1000).toFixed(1)} tok/s`
}

/** A peer as people tell it from others: its end; this node by that name. */
export function nameOf(peer: string): string {
  if (peer === state.value?.node.peer) return 'this node'
  return peer.length > 12 ? `…${peer.slice(-6)}` : peer
}

/** How a connection goes, in words. */
export function pathName(path: string | null): string {
  return PATHS[path ?? ''] ?? 'not connected'
}

const PATHS: Readonly<Record<string, string>> = {
  host: 'same machine',
  lan: 'local network',
  direct: 'direct',
  punched: 'direct, through NAT',
  relayed: 'through a relay'
}
