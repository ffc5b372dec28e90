import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH } from '../../protocols/inference/index.ts'
import { INVITE_PREFIXES } from '../../protocols/membership/constants.ts'
import { ENGINE_NAMES, ENGINES } from '../engines/descriptors.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from '../relay/defaults.ts'
import { ed25519PeerId } from '../../protocols/records/fields.ts'
import { jobSettings } from './jobs.ts'
import { limitSettings } from './limits.ts'
import { namingSettings } from './naming.ts'
import { rendezvousSettings } from './rendezvous.ts'

// Every `error` completes the sentence "expected …".

const text = z.string({ error: 'text' }).min(1, { error: 'text that is not empty' })
const flag = z.boolean({ error: 'true or false' })
const [microCredits, count] = [whole(0, Number.MAX_SAFE_INTEGER), whole(1, Number.MAX_SAFE_INTEGER)]
const weight = whole(1, 1000)

const access = z.enum(['friends', 'mesh'], { error: 'friends or mesh' })
const httpUrl = z.url({ protocol: /^https?$/, error: 'an http or https URL, such as http://127.0.0.1:11434' })
const peerId = text.refine((value) => ed25519PeerId.safeParse(value).success, {
  error: 'a peer id, such as 12D3KooW…'
})
const address = text.refine((value) => protocolsOf(value) !== undefined, {
  error: 'a multiaddr, such as /ip4/0.0.0.0/tcp/17476'
})
const peerAddress = text.refine(
  (value) =>
    INVITE_PREFIXES.some((prefix) => value.startsWith(prefix)) || protocolsOf(value)?.at(-1) === 'p2p',
  {
    error:
      'a multiaddr that ends in the peer id, such as /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…, or an invite'
  }
)
const tokenPrice = z.strictObject(
  { prompt: microCredits, completion: microCredits },
  { error: 'an object with prompt and completion, in micro-credits per token' }
)
const prices = z.record(text.max(MAX_MODEL_NAME_LENGTH, { error: "a model's name" }), tokenPrice, {
  error:
    'an object with a price for each model, such as {"llama3.2:3b":{"prompt":750000,"completion":3000000}}'
})

const engineSummaries = ENGINE_NAMES.map((name) => `${name} (${ENGINES[name].summary})`).join(', ')

/** Every setting except the home folder, with its meaning and default. */
export const settings = z.strictObject({
  bootstrap: list(peerAddress)
    .default([])
    .describe('Peers to join the mesh through, or an invite; with none, the node contacts no peer'),
  listen: list(address)
    .optional()
    .describe('Addresses to listen on for peers; by default any when serving or relaying, else none'),
  announce: list(address)
    .default([])
    .describe('Addresses to advertise to peers instead of the listen addresses'),
  contribute: flag.default(false).describe("Serve this machine's models to others"),
  relay: flag.default(false).describe('Relay connections for peers that cannot reach each other directly'),
  mdns: flag.default(false).describe('Find peers on the local network'),
  ...rendezvousSettings,
  lanOnly: flag.default(false).describe('Connect only to peers with private addresses'),
  loopbackPeers: flag
    .default(false)
    .describe('Dial loopback addresses that peers advertise; for tests and demos on one machine'),
  upnp: flag.default(false).describe('Ask the router to forward a port (UPnP)'),
  stunPort: whole(1024, 65_534)
    .optional()
    .describe("UDP and TCP port of a relay's STUN server, which also takes the next UDP port"),
  relayLimits: z
    .strictObject(
      {
        reservations: count.default(DEFAULT_RELAY_LIMITS.reservations),
        circuitsPerPeer: count.default(DEFAULT_RELAY_LIMITS.circuitsPerPeer),
        bytesPerCircuit: count.default(DEFAULT_RELAY_LIMITS.bytesPerCircuit),
        circuitMs: whole(1, 2 ** 31 - 1).default(DEFAULT_RELAY_LIMITS.circuitMs),
        bytesPerSecond: count.default(DEFAULT_RELAY_LIMITS.bytesPerSecond)
      } satisfies Record<keyof RelayLimits, z.ZodType>,
      {
        error: 'an object with reservations, circuitsPerPeer, bytesPerCircuit, circuitMs or bytesPerSecond'
      }
    )
    .prefault({})
    .describe('Limits of a relay: reservations, and per peer the circuits, bytes, time and bytes per second'),
  engine: z
    .enum(['auto', ...ENGINE_NAMES, 'none'], { error: `auto, ${ENGINE_NAMES.join(', ')} or none` })
    .default('auto')
    .describe(`The engine that runs the models: auto (the first found), ${engineSummaries}, or none`),
  engineUrl: httpUrl.optional().describe("The engine's address, if it is not the usual one"),
  engineKey: text.optional().describe("The engine's API key; other users can read it on the command line"),
  modelFile: text.optional().describe('A GGUF file for the embedded engine'),
  threads: whole(1, 1024)
    .optional()
    .describe('Threads of the embedded engine; by default all cores for a model over 100 MB, else 1'),
  contextLength: whole(512, 16_777_216)
    .optional()
    .describe(
      "Tokens of prompt and answer together; by default the engine's own limit, raised to 32768 or more on Ollama if memory allows"
    ),
  slots: whole(1, 1024)
    .optional()
    .describe('Requests to answer at the same time; by default as many as the engine does, where it tells'),
  queue: whole(0, 1024).default(16).describe('Requests that may wait for a free slot'),
  weights: z
    .strictObject(
      {
        friends: weight.default(4),
        creditors: weight.default(2),
        strangers: weight.default(1),
        peers: z.record(peerId, weight, { error: "an object with a weight for each peer's id" }).default({}),
        keys: z.record(text, weight, { error: "an object with a weight for each API key's name" }).default({})
      },
      { error: 'an object with friends, creditors, strangers, peers and keys, each a weight' }
    )
    .prefault({})
    .describe(
      "How the engine is shared, by tokens: the weight of each friend, of each creditor, of all strangers together, of peers by id, and among this machine's own requests, which come first, of API keys by name"
    ),
  ...limitSettings,
  gateway: flag.default(true).describe('Serve the OpenAI-compatible API on this machine'),
  gatewayHost: text.default('127.0.0.1').describe('Address the gateway listens on'),
  gatewayPort: whole(0, 65_535).default(17_475).describe('Port the gateway listens on; 0 picks a free one'),
  apiKeys: list(text)
    .default([])
    .describe(
      'API keys the gateway accepts; with none set, it requires no key. Other users can read them on the command line'
    ),
  allowedHosts: list(
    text.regex(/^[\w.-]+$|^[\da-f:.]+$/i, {
      error: 'host names or addresses without scheme and port, such as host.docker.internal'
    })
  )
    .default([])
    .describe('Host names to accept in requests, besides localhost and the listen address'),
  allowedOrigins: list(
    text.regex(/^[a-z][a-z\d+.-]*:\/\/(\*|[^/*?#\s]+)\/?$/i, {
      error: 'origins, such as https://chat.example, vscode-file://vscode-app or chrome-extension://<id>'
    })
  )
    .default([])
    .describe(
      'Origins of web pages, extensions and editors that may call the gateway, besides loopback ones'
    ),
  gatewayCert: text.optional().describe('PEM file with a certificate chain; the gateway then speaks HTTPS'),
  gatewayKey: text.optional().describe("PEM file with the private key of the gateway's certificate"),
  ...jobSettings,
  friends: list(peerId).default([]).describe('Peer ids to treat as friends'),
  serveAccess: access
    .optional()
    .describe(
      'Peers that may use the engine: friends, or any peer of the mesh; by default mesh in a private mesh, else friends'
    ),
  askAccess: z
    .enum([...access.options, 'nobody'], { error: 'friends, mesh or nobody' })
    .optional()
    .describe(
      "Peers to ask besides this machine's engine: friends, any peer of the mesh, or nobody; by default mesh in a private mesh, else friends"
    ),
  resume: z
    .enum(['same-digest', 'same-name', 'off'], { error: 'same-digest, same-name or off' })
    .default('same-digest')
    .describe(
      'Contributors that may continue an answer whose contributor is lost: those with the same weights, those with a model of the same name, or none'
    ),
  ...namingSettings,
  prices: prices
    .default({})
    .describe(
      "Price of each model in micro-credits per prompt token and per completion token; by default derived from the model's size"
    ),
  maxPrice: prices
    .optional()
    .describe(
      'Highest price to pay for each model, in micro-credits per prompt token and per completion token; by default 4 times the default price'
    ),
  creditLine: z
    .strictObject(
      {
        friends: microCredits.default(6e13),
        strangers: microCredits.default(1e11),
        allStrangers: microCredits.default(1e12),
        peers: z
          .record(peerId, microCredits, { error: 'an object with a credit line for each peer id' })
          .default({})
      },
      { error: 'an object with friends, strangers, allStrangers and peers, in micro-credits' }
    )
    .prefault({})
    .describe(
      'Micro-credits that a friend, a stranger, all strangers together and each named peer may owe before requests are refused'
    ),
  drainMs: whole(0, 3_600_000)
    .optional()
    .describe(
      'Milliseconds that answers in flight get to finish when the node stops; by default 10 minutes in a terminal, where a second Ctrl-C stops at once, else 10000'
    ),
  logLevel: z
    .enum(['silent', 'error', 'warn', 'info', 'debug', 'trace'], {
      error: 'silent, error, warn, info, debug or trace'
    })
    .default('warn')
    .describe('Lowest level to log'),
  logFile: text
    .optional()
    .describe('File to log to instead of stderr; at 10 MB it is put aside, and five such files are kept'),
  json: flag.default(false).describe('Log and print JSON')
})

/** Settings as given; all are optional. */
export type ConfigPatch = z.input<typeof settings>

export type SettingName = keyof ConfigPatch

/** How flags and variables write a setting as text. */
export type SettingType = 'text' | 'boolean' | 'number' | 'list' | 'pairs' | 'json'

/** Names of all settings, in reference order. */
export const SETTING_NAMES = Object.keys(settings.shape) as SettingName[]

/** How a setting is written as text: lists with commas, pairs as `name=value`, other objects as JSON. */
export function settingType(name: SettingName): SettingType {
  const { def } = settings.shape[name].def.innerType
  switch (def.type) {
    case 'boolean':
      return 'boolean'
    case 'number':
      return 'number'
    case 'array':
      return 'list'
    case 'record':
      return def.valueType.def.type === 'string' ? 'pairs' : 'json'
    case 'object':
      return 'json'
    default:
      return 'text'
  }
}

/** The values that a setting may have, where they are few. */
export function settingChoices(name: SettingName): readonly string[] {
  let type: unknown = settings.shape[name]
  while (type instanceof z.ZodDefault || type instanceof z.ZodOptional) type = type.def.innerType
  return type instanceof z.ZodEnum ? type.options.map(String) : []
}

/** `engineUrl` as a flag: `--engine-url`. */
export function flagName(name: string): string {
  return `--${words(name).join('-')}`
}

/** `engineUrl` as a variable: `LOBSTAH_ENGINE_URL`. */
export function variableName(name: string): string {
  return `LOBSTAH_${words(name).join('_').toUpperCase()}`
}

function words(name: string): string[] {
  return name.split(/(?=[A-Z])/).map((word) => word.toLowerCase())
}

function whole(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

function list(item: z.ZodType<string, string>): z.ZodArray<z.ZodType<string, string>> {
  return z.array(item, { error: 'a list of strings' })
}

/** The protocol names of a multiaddr's components, or undefined if the text is not a multiaddr. */
function protocolsOf(value: string): string[] | undefined {
  try {
    const parts = multiaddr(value).getComponents()
    return parts.length > 0 ? parts.map((part) => part.name) : undefined
  } catch {
    return undefined
  }
}
