import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { isAddress } from './choices.ts'
import { record } from './models.ts'
import { findProgram, type Place } from './service.ts'

/** How long the program may take to read an invite, in milliseconds. */
const TIMEOUT_MS = 30_000

/** What came of addresses and invites to join by. */
export interface Taken {
  addresses: string[]
  /** The node's home belongs to a mesh now, by an invite. */
  joined: boolean
  /** Whoever is in that mesh was let in by somebody. */
  private: boolean
}

/**
 * Has `lobstah-node join` take the invites, so that the node's home keeps the mesh: an invite expires, and it holds
 * the key of its mesh, which belongs neither on a command line nor in openclaw.json. Returns what is wrong with one.
 */
export async function takeInvites(items: string[], place: Place): Promise<Taken | string> {
  const taken: Taken = { addresses: items.filter(isAddress), joined: false, private: false }
  for (const invite of items.filter((item) => !isAddress(item))) {
    const joined = await join(invite, place)
    if (typeof joined === 'string') return joined
    taken.joined = true
    taken.private = joined.private === true
  }
  return taken
}

async function join(invite: string, place: Place): Promise<Record<string, unknown> | string> {
  const program = findProgram(place)
  if (program === undefined)
    return 'lobstah-node is not installed here, and it keeps the mesh: npm install --global lobstah-node'
  const [command = '', ...first] = program
  const child = spawn(command, [...first, 'join', '-', '--json'], {
    env: place.env,
    timeout: TIMEOUT_MS
  })
  // One that ends early reads no invite: its exit code tells.
  child.stdin.on('error', () => undefined).end(invite)
  try {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>
    ])
    return code === 0 ? record(JSON.parse(stdout)) : stderr.trim().replace(/^lobstah-node: /, '')
  } catch (err) {
    return err instanceof Error ? err.message : String(err)
  }
}
