import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import assert from 'node:assert/strict'
import { loadOrCreateIdentity } from '../../node/identity/index.ts'
import { MAIN, type NodeEvent } from '../support/node-process.ts'

const run = promisify(execFile)

/** A machine of the lab; `lab.sh` has the map. */
export type Host = 'vps' | 'vps2' | 'homeA' | 'homeA2' | 'homeB' | 'homeC'

/** Behaviour of a router; see `lab.sh`. */
export type Variant =
  | 'cone'
  | 'reject'
  | 'fullcone'
  | 'symmetric'
  | 'public'
  | 'udpblocked'
  | 'tcp443'
  | 'upnp'
  | 'upnpbroken'
  | 'ipv6'
  | 'ipv6tcp'

/** Public addresses of the relays. */
export const RELAY_ADDRESSES = { vps: '5.10.0.10', vps2: '45.20.0.10' } as const

/** The line between all homes and relays: 20 ms each way, up to 2 ms more, no loss. */
const LINE = ['20', '2', '0']

/** Longest wait for a process to be ready, in milliseconds: the machine may be busy with other work. */
const READY_MS = 60_000

/** Programs that the lab needs, and cannot do without. */
const PROGRAMS = ['ip', 'nft', 'conntrack', 'gcc', 'miniupnpd']

/** Makes a namespace with a NAT in it and takes it away again: what a container may not be allowed to. */
const TRIAL =
  'test -c /dev/net/tun && ip netns add "$0" && ' +
  '{ ip netns exec "$0" nft add table inet trial && ip netns exec "$0" conntrack -F; ok=$?; ip netns del "$0"; exit $ok; }'

/** Why the lab cannot be set up here; undefined where it can. */
export function labUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root'
  const missing = PROGRAMS.filter((program) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
      return false
    } catch {
      return true
    }
  })
  if (missing.length > 0) return `it needs ${missing.join(', ')}`
  try {
    execFileSync('sh', ['-c', TRIAL, `lob${process.pid}-trial`], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'it may not make network namespaces here, or has no /dev/net/tun'
  }
}

/** A `lobstah-node` in a namespace. */
export interface LabNode {
  host: Host
  peer: string
  url: string
  addresses: string[]
  /** When it was ready, by `performance.now()`. */
  readyAt: number
  end(signal?: NodeJS.Signals): Promise<void>
}

/** An answer of `agent-main.ts`. */
export type AgentAnswer = Record<string, unknown>

/** Namespaces with processes in them; `down` leaves nothing of either. */
export class Lab {
  readonly #prefix: string
  readonly #children = new Set<ChildProcess>()
  readonly #agents = new Map<Host, Agent>()
  #folder = ''
  #homes = 0
  /** Of the consumer that is the latest contributor's friend. */
  #consumerHome: string | undefined
  #contributor: string | undefined

  /** `name` tells labs of one process apart. */
  constructor(name = '') {
    this.#prefix = `lob${process.pid}${name}`
  }

  /** Builds the namespaces and the line. */
  async up(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'lobstah-nat-'))
    const line = join(import.meta.dirname, 'wan.c')
    await run('gcc', ['-O2', '-o', join(this.#folder, 'wan'), line])
    await this.#script('up')
    await this.#script('wan', ...LINE)
  }

  /** Ends what still runs, and removes the namespaces. */
  async down(): Promise<void> {
    await this.stopAll()
    if (this.#folder === '') return
    await this.#script('down')
    await rm(this.#folder, { recursive: true })
  }

  /** Ends every process of the lab. */
  async stopAll(): Promise<void> {
    this.#agents.clear()
    await Promise.all(
      [...this.#children].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      })
    )
    this.#children.clear()
  }

  async nat(side: 'A' | 'B' | 'C', variant: Variant): Promise<void> {
    await this.#script('nat', side, variant)
  }

  /** Forgets every mapping of a router. */
  async flush(side: 'A' | 'B'): Promise<void> {
    await this.#script('flush', side)
  }

  /** Takes a router's line down, or up again. */
  async line(side: 'A' | 'B', state: 'up' | 'down'): Promise<void> {
    await this.#script('line', side, state)
  }

  /** Gives a router another public address. */
  async move(side: 'A'): Promise<void> {
    await this.#script('move', side)
  }

  /** Packets that a relay has received so far. */
  async received(host: 'vps' | 'vps2'): Promise<number> {
    const { stdout } = await run('ip', ['-n', `${this.#prefix}-${host}`, '-s', '-j', 'link', 'show', 'wan'])
    const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[]
    assert.ok(link)
    return link.stats64.rx.packets
  }

  /** A fresh home folder, for nodes that are started again on the same one. */
  home(): string {
    return join(this.#folder, `home-${this.#homes++}`)
  }

  /** Starts a node and waits until it is ready. */
  async node(host: Host, args: string[], home = this.home()): Promise<LabNode> {
    const level = process.env.NAT_LOG ?? 'error'
    const child = this.#spawn(host, [MAIN, '--home', home, '--json', '--log-level', level, ...args])
    const ready = await firstLine<NodeEvent>(child, ({ event }) => event === 'ready')
    child.stdout?.resume()
    return {
      host,
      peer: ready.peer as string,
      url: (ready.gateway as string | null) ?? '',
      addresses: ready.addresses as string[],
      readyAt: performance.now(),
      end: async (signal = 'SIGKILL') => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const exited = once(child, 'exit')
        child.kill(signal)
        await exited
      }
    }
  }

  /** Starts a relay with an address of its own; its full address comes first. */
  async relay(
    host: 'vps' | 'vps2',
    options: { home?: string; port?: number } = {}
  ): Promise<LabNode & { address: string }> {
    const { home, port = 443 } = options
    const address = `/ip4/${RELAY_ADDRESSES[host]}/tcp/${port}`
    const args = ['--relay', '--no-gateway', '--listen', `/ip4/0.0.0.0/tcp/${port}`, '--announce', address]
    const node = await this.node(host, args, home)
    return { ...node, address: `${address}/p2p/${node.peer}` }
  }

  /** Starts a contributor with an engine of its own, and with further flags. */
  async contributor(host: Host, relays: string[], flags: string[] = []): Promise<LabNode> {
    const engine = this.#spawn(host, [join(import.meta.dirname, 'engine-main.ts')])
    const { url } = await firstLine<{ url?: string }>(engine, (line) => line.url !== undefined)
    assert.ok(url)
    const circuits = relays.flatMap(() => ['--listen', '/p2p-circuit'])
    const join_ = relays.flatMap((relay) => ['--bootstrap', relay])
    const listen = ['--listen', '/ip4/0.0.0.0/tcp/0', ...circuits]
    this.#consumerHome = this.home()
    const { peerId } = await loadOrCreateIdentity(join(this.#consumerHome, 'identity.key'))
    const serve = [
      '--contribute',
      '--serve-access',
      'mesh',
      '--ask-access',
      'mesh',
      '--slots',
      '4',
      '--engine',
      'ollama',
      '--engine-url',
      url,
      '--gateway-port',
      '0'
    ]
    const friends = ['--friends', peerId.toString()]
    const node = await this.node(host, [...serve, ...join_, ...listen, ...friends, ...flags])
    this.#contributor = node.peer
    return node
  }

  /** Starts the consumer that is the latest contributor's friend, and has it for one, as in a household. */
  async consumer(host: Host, relays: string[]): Promise<LabNode> {
    const join_ = relays.flatMap((relay) => ['--bootstrap', relay])
    const friends = this.#contributor === undefined ? [] : ['--friends', this.#contributor]
    const args = ['--engine', 'none', '--ask-access', 'mesh', '--gateway-port', '0', ...join_, ...friends]
    return await this.node(host, args, this.#consumerHome)
  }

  /** Asks a node's gateway from within its namespace. */
  async ask(
    node: LabNode,
    what: 'models' | 'peers' | 'path' | 'reachable' | 'chat' | 'failovers',
    options: { question?: string; timeoutMs?: number; onBegin?: () => void } = {}
  ): Promise<AgentAnswer> {
    let agent = this.#agents.get(node.host)
    if (agent === undefined) {
      agent = new Agent(this.#spawn(node.host, [join(import.meta.dirname, 'agent-main.ts')]))
      this.#agents.set(node.host, agent)
    }
    const { onBegin, ...rest } = options
    return await agent.ask({ url: node.url, do: what, ...rest }, onBegin)
  }

  #spawn(host: Host, args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', `${this.#prefix}-${host}`, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    child.stdin.on('error', () => undefined)
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  async #script(...args: string[]): Promise<void> {
    const env = { ...process.env, LAB: this.#prefix, DIR: this.#folder }
    await run(join(import.meta.dirname, 'lab.sh'), args, { env })
  }
}

/** Commands to an agent process, and its answers by number. */
class Agent {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (answer: AgentAnswer) => void; began?: () => void }>()
  #last = 0

  constructor(child: ChildProcess) {
    this.#child = child
    assert.ok(child.stdout)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { id, began, ...answer } = JSON.parse(line) as { id?: number; began?: number }
      if (began !== undefined) this.#waiting.get(began)?.began?.()
      if (id === undefined) return
      this.#waiting.get(id)?.resolve(answer)
      this.#waiting.delete(id)
    })
    child.once('exit', () => {
      for (const { resolve } of this.#waiting.values()) resolve({ failed: 'the agent ended' })
      this.#waiting.clear()
    })
  }

  async ask(command: object, began?: () => void): Promise<AgentAnswer> {
    const id = ++this.#last
    const { promise, resolve } = Promise.withResolvers<AgentAnswer>()
    this.#waiting.set(id, { resolve, ...(began === undefined ? {} : { began }) })
    this.#child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`)
    return await promise
  }
}

/** The first line of JSON that fits. */
async function firstLine<T>(child: ChildProcess, fits: (line: T) => boolean): Promise<T> {
  assert.ok(child.stdout)
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as T
      if (fits(line)) return line
    }
  } finally {
    clearTimeout(timer)
  }
  assert.fail('a process of the lab ended before it was ready')
}
