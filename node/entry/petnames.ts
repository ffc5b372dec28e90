import type { Config } from '../config/index.ts'

/** Shows peers by the names that the user gave them, and others by their ids. */
export function petnamer({ petnames }: Pick<Config, 'petnames'>): (peer: string) => string {
  const names = new Map(Object.entries(petnames).map(([name, peer]) => [peer, name]))
  return (peer) => names.get(peer) ?? peer
}
