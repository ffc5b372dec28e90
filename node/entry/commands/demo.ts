import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { RECEIPT, open } from '../../../protocols/index.ts'
import { resolveConfig } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { GatewayClient } from '../gateway-client.ts'
import { credits, type Output } from '../output.ts'
import { askGateway, type ChatResult } from './chat.ts'
import { balanceSheet, modelList } from './status.ts'

const MAIN = process.argv[1] ?? ''

/** Longest wait for a process of the demonstration, or for the mesh to come together, in milliseconds. */
const PATIENCE_MS = 60_000

const GATEWAY_PORT = 17475

/** Without the user's own settings: they may lead to a real mesh, which is not to meet a relay that serves all. */
const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOBSTAH_'))),
  LOBSTAH_LOOPBACK_PEERS: 'true'
}

/** A process of the demonstration. */
type Child = ChildProcessByStdio<null, Readable, null>

interface Part {
  home: string
  ready: Record<string, unknown>
}

/** Runs a relay, a contributor behind it and a consumer as processes, asks a question, and shows what it cost. */
export async function demo(question: string, output: Output): Promise<void> {
  const abort = new AbortController()
  const onSignal = (): void => abort.abort()
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    await play(question, output, abort.signal)
  } catch (err) {
    if (abort.signal.aborted) throw new CommandError('Cancelled', EXIT.interrupted, { cause: err })
    throw err
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** Leaves neither processes nor files behind, however it ends. */
async function play(question: string, output: Output, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lobstah-demo-'))
  const children: Child[] = []
  const stopAll = (): Promise<unknown> => Promise.all(children.toReversed().map(stop))
  const begin = async (name: string, args: string[]): Promise<Part> => {
    signal.throwIfAborted()
    const home = join(folder, name)
    const child = launch(home, args)
    children.push(child)
    return { home, ready: await readiness(name, child) }
  }
  // Pending waits for them then continue, and fail.
  const onAbort = (): void => void stopAll()
  signal.addEventListener('abort', onAbort)
  try {
    const relay = await begin('relay', ['--relay', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-gateway'])
    const [address] = relay.ready.addresses as string[]
    // A public mesh, as far as it goes: nobody is a friend of anybody.
    const join = ['--bootstrap', address ?? '', '--serve-access', 'mesh', '--ask-access', 'mesh']
    output.event({ event: 'relay', address }, () => `Relay        ${address}`)
    const contributor = await begin('contributor', [
      '--contribute',
      // The person who watches is using the machine.
      '--while-in-use',
      '--on-battery',
      ...join,
      '--listen',
      '/p2p-circuit',
      '--gateway-port',
      '0'
    ])
    const models = contributor.ready.models as string[]
    if (models.length === 0)
      throw new CommandError(
        'Nothing on this machine runs models. Start Ollama with a model, or install the engine of the demonstration model: npm install --global node-llama-cpp',
        EXIT.unavailable
      )
    output.event({ event: 'contributor', ...contributor.ready }, () =>
      [
        `Contributor  ${String(contributor.ready.peer)}, reachable only through the relay`,
        `             serves ${models.join(', ')} by its ${String(contributor.ready.engine)} engine`
      ].join('\n')
    )
    const port = (await isFree(GATEWAY_PORT)) ? GATEWAY_PORT : 0
    const consumer = await begin('consumer', [...join, '--engine', 'none', '--gateway-port', String(port)])
    output.event(
      { event: 'consumer', ...consumer.ready },
      () => `Consumer     ${String(consumer.ready.peer)}, gateway ${String(consumer.ready.gateway)}/v1`
    )
    await ask(question, { consumer, contributor }, output, signal)
  } finally {
    signal.removeEventListener('abort', onAbort)
    await stopAll()
    await rm(folder, { recursive: true })
  }
}

async function ask(
  question: string,
  { consumer, contributor }: { consumer: Part; contributor: Part },
  output: Output,
  signal: AbortSignal
): Promise<void> {
  const client = await clientOf(consumer)
  await eventually(signal, async () => (await client.get('/v1/models', modelList)).data.length > 0)
  const { data } = await client.get('/v1/models', modelList)
  if (data[0]?.lobstah.demonstration === true) {
    output.note('The model is a demonstration model of 0.7 MB: it shows that the mesh works, nothing more.')
  }
  output.piece(`\nYou ask      ${question}\nIt answers   `)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  const result = await askGateway(client, question, {}, deadline, (piece) => output.piece(piece))
  output.piece('\n\n')
  if (result.receipt === null) throw new CommandError('The answer came without a receipt')
  // Opening verifies the signature, from the peer id alone.
  const receipt = await open(RECEIPT, result.receipt)
  const owner = await clientOf(contributor)
  await eventually(signal, async () => (await owner.get('/balance', balanceSheet)).net === receipt.credits)
  const [earned, spent] = await Promise.all([
    owner.get('/balance', balanceSheet),
    client.get('/balance', balanceSheet)
  ])
  output.event(
    {
      event: 'answer',
      ...result,
      verified: receipt,
      balances: { contributor: earned.net, consumer: spent.net }
    },
    () => summary(result, receipt, earned.net, spent.net)
  )
}

function summary(
  result: ChatResult,
  receipt: { promptTokens: number; completionTokens: number; credits: number },
  earned: number,
  spent: number
): string {
  const sign = (micro: number): string => (micro > 0 ? '+' : '') + credits(micro)
  return [
    `Path         ${result.route ?? 'unknown'}`,
    `Receipt      ${receipt.promptTokens} prompt + ${receipt.completionTokens} completion tokens = ${credits(receipt.credits)} credits`,
    `             signed by ${result.peer ?? ''}: verified`,
    `Balances     contributor ${sign(earned)}, consumer ${sign(spent)}`,
    '',
    'Now run a node of your own: npm start'
  ].join('\n')
}

function launch(home: string, args: string[]): Child {
  return spawn(process.execPath, [MAIN, '--home', home, '--json', '--log-level', 'warn', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: ENVIRONMENT
  })
}

/** The line a process prints when it is ready. */
async function readiness(name: string, child: Child): Promise<Part['ready']> {
  const timer = setTimeout(() => child.kill(), PATIENCE_MS)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as Record<string, unknown>
      if (event.event !== 'ready') continue
      child.stdout.resume()
      return event
    }
  } finally {
    clearTimeout(timer)
  }
  throw new CommandError(`The ${name} did not start: see above`, EXIT.unavailable)
}

async function stop(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (!child.killed) child.kill('SIGTERM')
  await exited
}

async function clientOf(part: Part): Promise<GatewayClient> {
  return await GatewayClient.of(resolveConfig({ flags: { home: part.home }, env: {}, homeDir: part.home }))
}

async function eventually(signal: AbortSignal, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new CommandError('The mesh did not come together', EXIT.unavailable)
    await delay(50, undefined, { signal })
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
