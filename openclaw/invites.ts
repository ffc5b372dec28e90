import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { isAddress } from './choices.ts'
import { record } from './models.ts'
import { findProgram, type Place } from './service.ts'

/** How long the program may take to read an invite, in milliseconds. */
const TIMEOUT_MS = 30_000

/** The outcome of joining by addresses and invites. */
export interface Taken {
  addresses: string[]
  /** The node's home belongs to a mesh, by one of these invites or by an earlier one. */
  joined: boolean
  /** That mesh is private: each of its members was let in by another. */
  private: boolean
}

/**
 * Has `lobstah-node join` take the invites, so that the node's home keeps the mesh: an invite expires, and it holds
 * the key of its mesh, which belongs neither on a command line nor in openclaw.json. Without an invite the mesh that
 * the home belongs to already counts. Returns a sentence that says what is wrong with an invite.
 */
export async function takeInvites(items: string[], place: Place): Promise<Taken | string> {
  const addresses = items.filter(isAddress)
  const invites = items.filter((item) => !isAddress(item))
  let mesh: Record<string, unknown> = {}
  if (invites.length === 0) {
    const kept = await run(['mesh', '--json'], place)
    // A program that cannot tell keeps no mesh, or is not there: the node itself says so when it starts.
    mesh = typeof kept === 'string' ? {} : kept
  }
  for (const invite of invites) {
    const joined = await run(['join', '-', '--json'], place, invite)
    if (typeof joined === 'string') return joined
    mesh = joined
  }
  return { addresses, joined: typeof mesh.mesh === 'string', private: mesh.private === true }
}

/** Runs the program and returns the document that it prints, or a sentence that says what went wrong. */
async function run(args: string[], place: Place, input = ''): Promise<Record<string, unknown> | string> {
  const program = findProgram(place)
  if (program === undefined)
    return 'lobstah-node is not installed here, and it keeps the mesh: see Install in its README'
  const [command = '', ...first] = program
  const child = spawn(command, [...first, ...args], { env: place.env, timeout: TIMEOUT_MS })
  // A program that ends early reads no input: its exit code tells.
  child.stdin.on('error', () => undefined).end(input)
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
