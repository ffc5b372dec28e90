import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Line } from './line.ts'
import type { ContributorSettings, FromContributor } from './messages.ts'

const MAIN = join(import.meta.dirname, 'contributor-main.ts')

/** How a contributor is lost. */
export const LOSSES = ['killed', 'frozen', 'cut', 'silent'] as const
export type Loss = (typeof LOSSES)[number]

export type Books = Extract<FromContributor, { type: 'books' }>

/** Told when a contributor's engine begins with a request, in milliseconds since 1970. */
type OnAsked = (member: Member, tag: string, at: number) => void

/** One contributor: a process, and the line that leads to it. */
export class Member {
  peer = ''
  lost: Loss | undefined
  readonly #settings: ContributorSettings
  readonly #line: Line
  readonly #onAsked: OnAsked
  #process: ChildProcess | undefined

  private constructor(settings: ContributorSettings, line: Line, onAsked: OnAsked) {
    this.#settings = settings
    this.#line = line
    this.#onAsked = onAsked
  }

  static async start(
    settings: Omit<ContributorSettings, 'port' | 'announcedPort'>,
    onAsked: OnAsked
  ): Promise<Member> {
    const port = await freePort()
    const line = await Line.start(port)
    const member = new Member({ ...settings, port, announcedPort: line.port }, line, onAsked)
    await member.#begin()
    return member
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.#line.port}/p2p/${this.peer}`
  }

  /** Loses it; returns when that was, in milliseconds since 1970. */
  lose(how: Loss): number {
    this.lost = how
    const at = Date.now()
    if (how === 'killed') this.#process?.kill('SIGKILL')
    else if (how === 'frozen') this.#process?.kill('SIGSTOP')
    else if (how === 'cut') this.#line.cut()
    else this.#line.silence()
    return at
  }

  /** Brings it back. */
  async restore(): Promise<void> {
    if (this.lost === 'killed') await this.#begin()
    else if (this.lost === 'frozen') this.#process?.kill('SIGCONT')
    else this.#line.open()
    this.lost = undefined
  }

  /** Totals of its ledger. */
  async books(): Promise<Books> {
    const child = this.#process!
    child.send('books')
    for (;;) {
      const [message] = (await once(child, 'message')) as [FromContributor]
      if (message.type === 'books') return message
    }
  }

  async stop(): Promise<void> {
    const child = this.#process
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    await this.#line.close()
  }

  async #begin(): Promise<void> {
    const child = fork(MAIN, [JSON.stringify(this.#settings)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
    this.#process = child
    const ready = Promise.withResolvers<void>()
    child.on('exit', () => ready.reject(new Error('A contributor ended before it was ready')))
    child.on('message', (message: FromContributor) => {
      if (message.type === 'asked') this.#onAsked(this, message.tag, message.at)
      if (message.type !== 'ready') return
      this.peer = message.peer
      ready.resolve()
    })
    await ready.promise
  }
}

/**
 * A free port below those that the system gives to connections: while its contributor is down, nobody else takes it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const server = createServer().listen(port, '127.0.0.1')
    const listens = await once(server, 'listening').then(
      () => true,
      () => false
    )
    if (!listens) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
