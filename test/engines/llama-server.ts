import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** How long the server may take to load its model, in milliseconds. */
const LOAD_TIMEOUT_MS = 60_000

/** A real llama.cpp server in a process of its own. */
export class LlamaServer {
  readonly #folder: string
  readonly #use: 'chat' | 'embed'
  #port = 0
  #process: ChildProcess | undefined

  /** `folder`: where `fetch.sh` put the packages. */
  constructor(folder: string, use: 'chat' | 'embed') {
    this.#folder = folder
    this.#use = use
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Starts it, on the port that it had before, and waits until it has loaded its model. */
  async start(): Promise<this> {
    this.#port ||= await freePort()
    const script = join(import.meta.dirname, 'serve.py')
    const model = join(this.#folder, 'smollm2-135m.gguf')
    const child = spawn('python3', [script, this.#folder, model, String(this.#port), this.#use], {
      stdio: 'ignore'
    })
    this.#process = child
    const deadline = Date.now() + LOAD_TIMEOUT_MS
    while (!(await this.#isHealthy())) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error('llama.cpp’s server did not start')
      await delay(100)
    }
    return this
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async #isHealthy(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/health`)).ok
    } catch {
      return false
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
