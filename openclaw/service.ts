import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Choices } from './choices.ts'
import type { LocalService } from './host.ts'

/** How long a node may take to start, in milliseconds: it takes one second, and a person waits for the answer. */
const READY_TIMEOUT_MS = 12_000

/** How long running answers get when OpenClaw stops the node, in milliseconds: it kills the process after two seconds. */
const DRAIN_MS = 1000

/** The program within the full package. */
const PROGRAM = 'dist/node/entry/main.js'

/** Where the program may be. */
export interface Place {
  env: NodeJS.ProcessEnv
  /** The folder of the package that this plugin came in. */
  root: string | undefined
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * How OpenClaw starts a node that does what was chosen, and nothing more; undefined when the gateway is on
 * another machine, or when the program is not installed here.
 */
export function localService(choices: Choices, place: Place): LocalService | undefined {
  const program = findProgram(place)
  if (program === undefined || !isLocal(choices.baseUrl)) return undefined
  const [command = '', ...first] = program
  return {
    command,
    args: [...first, ...flags(choices)],
    env: {
      // Said outright: neither config.json nor a variable may turn a no into a yes.
      LOBSTAH_CONTRIBUTE: String(choices.contribute),
      LOBSTAH_DISCOVER: String(choices.discover && choices.find),
      LOBSTAH_ADVERTISE: String(choices.contribute && choices.advertise),
      ...(place.env.LOBSTAH_HOME === undefined ? {} : { LOBSTAH_HOME: place.env.LOBSTAH_HOME })
    },
    healthUrl: `${choices.baseUrl}/models`,
    readyTimeoutMs: READY_TIMEOUT_MS,
    idleStopMs: 0
  }
}

/** The node's flags for what was chosen. */
export function flags(choices: Choices): string[] {
  const { baseUrl, discover, contribute, bootstrap, access, friends } = choices
  const url = new URL(baseUrl)
  const joins = discover || contribute
  return [
    ...['--gateway-host', url.hostname.replace(/^\[|\]$/g, ''), '--gateway-port', url.port || '80'],
    ...['--drain-ms', String(DRAIN_MS)],
    ...(joins ? bootstrap.flatMap((address) => ['--bootstrap', address]) : []),
    ...placeFlags(choices),
    ...['--ask-access', discover ? access : 'nobody'],
    ...(contribute ? ['--contribute', '--serve-access', access] : []),
    ...(joins ? friends.flatMap((peer) => ['--friends', peer]) : [])
  ]
}

/** The trackers and Nostr relays, for the directions that were chosen. */
function placeFlags({ discover, contribute, find, advertise, tracker, nostr }: Choices): string[] {
  const [finds, announces] = [discover && find, contribute && advertise]
  if (!finds && !announces) return []
  return [
    ...tracker.flatMap((url) => ['--tracker', url]),
    ...nostr.flatMap((url) => ['--nostr', url]),
    ...(finds ? ['--discover'] : []),
    ...(contribute && !announces ? ['--no-advertise'] : [])
  ]
}

/** Whether a base URL is this machine's own. */
export function isLocal(baseUrl: string): boolean {
  const { hostname, protocol } = new URL(baseUrl)
  return protocol === 'http:' && LOOPBACK.has(hostname)
}

/** The program by absolute paths: of the package that this plugin came in, or of `lobstah-node` on the path. */
export function findProgram({ env, root }: Place): string[] | undefined {
  const own = root === undefined ? undefined : join(root, PROGRAM)
  if (own !== undefined && existsSync(own)) return [process.execPath, own]
  const installed = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'lobstah-node'))
    .find((file) => existsSync(file))
  if (installed === undefined) return undefined
  const file = realpathSync(installed)
  // A service manager's PATH may have no node: the script is run by the one that runs OpenClaw.
  return /\.[cm]?[jt]s$/.test(file) ? [process.execPath, file] : [file]
}
