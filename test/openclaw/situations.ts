import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How soon the user is told, in milliseconds. */
const PATIENCE_MS = 15_000

/** Longest wait for OpenClaw to take a changed configuration up, in milliseconds: it tells nobody when it has. */
const RELOAD_MS = 60_000

/** How long a model whose contributor left is waited for, in milliseconds. */
const EXPECTED_BACK_MS = 60_000

/** The provider's part of openclaw.json. */
interface Provider {
  baseUrl: string
  localService?: { command: string; args: string[]; healthUrl: string }
}
interface HostFile {
  models: { providers: { lobstah: Provider } }
  plugins: { entries: { lobstah: { config: Record<string, unknown> } } }
}

/** What the situations are made with. */
export interface SituationsInit {
  /** OpenClaw's configuration, which its running gateway reads again when it changes. */
  file: string
  /** A folder of its own. */
  folder: string
  /** One turn of an agent; resolves to what the user reads. */
  turn(question: string): Promise<string>
  freePort(): Promise<number>
  say(text: string): void
}

/** What a user does wrong, or what the machine lacks: each turn ends with a sentence that says what to do. */
export async function situations(init: SituationsInit): Promise<void> {
  const original = await readFile(init.file, 'utf8')
  const change = async (edit: (provider: Provider) => void): Promise<void> => {
    const config = JSON.parse(original) as HostFile
    const provider = config.models.providers.lobstah
    edit(provider)
    config.plugins.entries.lobstah.config.baseUrl = provider.baseUrl
    await writeFile(init.file, JSON.stringify(config, undefined, 2))
  }
  const told = (what: string, sentence: RegExp): Promise<void> => sentenceOf(init, what, sentence)
  const closed = await init.freePort()
  const at = (provider: Provider, port: number): void => {
    provider.baseUrl = `http://127.0.0.1:${port}/v1`
    if (provider.localService) provider.localService.healthUrl = `${provider.baseUrl}/models`
  }
  const stranger = await startStranger()
  try {
    await change((provider) => {
      at(provider, closed)
      delete provider.localService
    })
    await told(
      'no lobstah-node on the path, and none runs',
      /No lobstah-node answers at .*: run "lobstah-node" in a terminal, or install it/
    )
    await change((provider) => {
      at(provider, (stranger.address() as AddressInfo).port)
      delete provider.localService
    })
    await told('a wrong port', /answered by another program, not by lobstah-node: correct the address/)
    await change((provider) => {
      at(provider, closed)
      Object.assign(provider.localService ?? {}, { command: '/nowhere/lobstah-node', args: [] })
    })
    await told('a program that is gone', /does not answer at .*: run "\/nowhere\/lobstah-node" in a terminal/)
    await change((provider) => {
      at(provider, closed)
      const alone = ['--home', init.folder, '--gateway-port', String(closed), '--ask-access', 'nobody']
      Object.assign(provider.localService ?? {}, { args: alone })
    })
    await told(
      'No to both',
      /This node asks nobody else: start an engine on this machine, or say yes to Discover/
    )
  } finally {
    stranger.close()
    await writeFile(init.file, original)
  }
}

/** Asks until OpenClaw has taken the configuration up, and the user was told in time. */
export async function sentenceOf(
  { turn, say }: Pick<SituationsInit, 'turn' | 'say'>,
  what: string,
  sentence: RegExp
): Promise<void> {
  const deadline = performance.now() + RELOAD_MS
  for (;;) {
    const began = performance.now()
    const text = await turn('Who answers?')
    const took = performance.now() - began
    if (sentence.test(text) && took < PATIENCE_MS) {
      say(`${what}: the user is told what to do in ${(took / 1000).toFixed(1)} s`)
      return
    }
    assert.ok(performance.now() < deadline, `${what}, after ${Math.round(took)} ms: ${text}`)
  }
}

/** What becomes of a turn whose only contributor is lost in its midst. */
export async function lostInMidTurn(
  { turn, say }: Pick<SituationsInit, 'turn' | 'say'>,
  begun: Promise<unknown>,
  kill: () => Promise<unknown>
): Promise<void> {
  const text = turn('Tell the long story.')
  text.catch(() => undefined)
  await begun
  await kill()
  const began = performance.now()
  assert.match(await text, /was served by \w+ until .* and is not served any more\./)
  const took = performance.now() - began
  assert.ok(took < EXPECTED_BACK_MS + 2 * PATIENCE_MS, `told after ${Math.round(took)} ms`)
  say(`a contributor gone in mid-turn: the user is told what to do in ${(took / 1000).toFixed(1)} s`)
}

/** A program of another kind at the port. */
async function startStranger(): Promise<Server> {
  const server = createServer((_, response) => response.writeHead(404).end('<html>')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
