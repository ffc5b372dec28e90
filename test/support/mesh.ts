import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createLobstah, type Lobstah, type LobstahInit } from '../../node/lobstah.ts'
import { ledger } from '../../node/ledger/index.ts'
import type { AnswerEvent, InferenceRequest } from '../../protocols/index.ts'

/** Longest wait for what no event tells of, in milliseconds: a test that fails ends. */
const PATIENCE_MS = 15_000

/** Several real nodes in this process, on loopback, each with a ledger of its own. */
export class Mesh {
  readonly nodes: Lobstah[] = []
  #folders: string[] = []

  /** Starts a node. */
  async node(init: Partial<LobstahInit> = {}): Promise<Lobstah> {
    const privateKey = init.privateKey ?? (await generateKeyPair('Ed25519'))
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
    this.#folders.push(folder)
    const peer = peerIdFromPrivateKey(privateKey).toString()
    const node = await createLobstah({
      ledger: ledger({ file: join(folder, 'ledger.sqlite') })({ peer }),
      drainMs: 1000,
      loopbackPeers: true,
      ...init,
      privateKey
    })
    this.nodes.push(node)
    await node.start()
    return node
  }

  /** Starts a relay. */
  async relay(): Promise<Lobstah> {
    return await this.node({ relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true })))
  }
}

/** The addresses to reach a node by. */
export function addressesOf(node: Lobstah): string[] {
  return node.libp2p.getMultiaddrs().map(String)
}

/** Resolves when a node can ask so many contributors. */
export async function contributorsKnown(node: Lobstah, count: number): Promise<void> {
  await eventually(node.directory, 'change', () => node.directory.contributors().length >= count)
}

/** Resolves when a condition holds, looking at each event of one kind. */
export async function eventually(
  target: EventTarget,
  event: string,
  condition: () => boolean
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const check = (): void => {
    if (condition()) resolve()
  }
  target.addEventListener(event, check)
  check()
  await promise.finally(() => target.removeEventListener(event, check))
}

/** Resolves when a condition holds that no event tells of; looks every few milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'what the test waits for did not happen')
    await delay(5)
  }
}

/** Resolves when a contributor has nothing left to do: its last acknowledgement is kept. */
export async function idle(node: Lobstah): Promise<void> {
  await until(() => {
    const capacity = node.contributor?.capacity()
    return capacity === undefined || capacity.active + capacity.queued === 0
  })
}

/** A small chat request. */
export function ask(content: string, rest: object = {}): InferenceRequest {
  return { kind: 'chat', model: 'scripted:1b', messages: [{ role: 'user', content }], ...rest }
}

/** All events of an answer. */
export async function collect(answer: AsyncIterable<AnswerEvent>): Promise<AnswerEvent[]> {
  return await Array.fromAsync(answer)
}

/** The text that events deliver. */
export function textOf(events: AnswerEvent[]): string {
  return events.map((event) => (event.type === 'delta' ? (event.delta.content ?? '') : '')).join('')
}
