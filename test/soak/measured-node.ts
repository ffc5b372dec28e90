import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { startProcess, type RunningNode } from '../support/node-process.ts'

/** Resources of a node at one moment. */
export interface Sample {
  /** Minutes since the soak began. */
  minute: number
  rssMib: number
  heapMib: number
  /** Memory of buffers and of native objects that the heap holds. */
  externalMib: number
  descriptors: number
  ledgerKib: number
  /** The home folder without the ledger. */
  homeKib: number
  /** Lines logged since the node started. */
  logLines: number
}

/** Largest heap of a measured node, in MiB: a leak runs into it, garbage that waits to be collected does not. */
const HEAP_MIB = 256

/** A node in a process of its own, whose resources are watched from outside. */
export class MeasuredNode {
  readonly role: string
  readonly node: RunningNode
  readonly samples: Sample[] = []
  readonly #log: { lines: number }

  private constructor(role: string, node: RunningNode, log: { lines: number }) {
    this.role = role
    this.node = node
    this.#log = log
  }

  /** Starts a node by its command line, with the log as a user has it. */
  static async start(role: string, folder: string, args: string[]): Promise<MeasuredNode> {
    const log = { lines: 0 }
    const node = await startProcess(
      join(folder, role),
      ['--gateway-port', '0', '--log-level', 'warn', ...args],
      { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
      (text) => {
        log.lines += text.split('\n').length - 1
        process.stderr.write(text.replaceAll(/^(?=.)/gm, `${role}: `))
      }
    )
    return new MeasuredNode(role, node, log)
  }

  /** Whether the process still runs. */
  get alive(): boolean {
    return this.node.process.exitCode === null && this.node.process.signalCode === null
  }

  /** Takes one sample. */
  async sample(minute: number): Promise<void> {
    const pid = this.node.process.pid ?? 0
    const [status, descriptors, metrics, files] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
      fetch(`${this.node.url}/metrics`).then((reply) => reply.text()),
      sizes(this.node.home)
    ])
    const ledger = files.filter(({ name }) => name.startsWith('ledger.sqlite'))
    const total = (some: { bytes: number }[]): number => some.reduce((sum, { bytes }) => sum + bytes, 0)
    this.samples.push({
      minute,
      rssMib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
      heapMib: Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]) / 2 ** 20,
      externalMib: Number(/^nodejs_external_memory_bytes (\S+)/m.exec(metrics)?.[1]) / 2 ** 20,
      descriptors: descriptors.length,
      ledgerKib: total(ledger) / 1024,
      homeKib: (total(files) - total(ledger)) / 1024,
      logLines: this.#log.lines
    })
  }
}

/** All files below a folder; one that is gone by the time it is looked at is left out. */
async function sizes(folder: string): Promise<{ name: string; bytes: number }[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile())
  const sized = await Promise.all(
    files.map(async ({ name, parentPath }) => ({
      name,
      bytes: await stat(join(parentPath, name)).then(
        ({ size }) => size,
        () => 0
      )
    }))
  )
  return sized
}
