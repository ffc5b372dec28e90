import { readFile } from 'node:fs/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOpenaiServer, type OpenaiServer } from '../engines/openai-server.ts'
import { startProcess, type RunningNode } from '../node-process.ts'

/** A node in a process of its own, whose memory is measured. */
export class Victim implements AsyncDisposable {
  readonly node: RunningNode
  readonly #engine: OpenaiServer | undefined
  readonly #before: number

  private constructor(node: RunningNode, engine: OpenaiServer | undefined, before: number) {
    this.node = node
    this.#engine = engine
    this.#before = before
  }

  /** Starts a contributor on loopback, in front of an engine that serves one model. */
  static async contributor(args: string[] = []): Promise<Victim> {
    const engine = await startOpenaiServer({ models: [{ id: 'tiny:1b' }] })
    const serving = ['--contribute', '--engine', 'openai', '--engine-url', `${engine.url}/v1`]
    return await Victim.#start([...serving, '--listen', '/ip4/127.0.0.1/tcp/0', ...args], engine)
  }

  /** Starts a consumer that asks the peers at these addresses. */
  static async consumer(bootstrap: string[], args: string[] = []): Promise<Victim> {
    return await Victim.#start(['--engine', 'none', '--bootstrap', bootstrap.join(','), ...args])
  }

  static async #start(args: string[], engine?: OpenaiServer): Promise<Victim> {
    const home = await mkdtemp(join(tmpdir(), 'lobstah-victim-'))
    const node = await startProcess(home, ['--gateway-port', '0', ...args])
    return new Victim(node, engine, await memory(node, 'VmRSS'))
  }

  /** By how much its memory has grown at most since it was ready, in MiB. */
  async growth(): Promise<number> {
    return Math.max(0, (await memory(this.node, 'VmHWM')) - this.#before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.end('SIGKILL')
    await this.#engine?.[Symbol.asyncDispose]()
    await rm(this.node.home, { recursive: true, force: true })
  }
}

/** A figure of the kernel's about a process, in MiB. */
async function memory({ process }: RunningNode, name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${process.pid ?? 0}/status`, 'utf8')
  return Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)
}
