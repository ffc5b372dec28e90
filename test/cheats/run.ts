/**
 * Lets a dishonest contributor and a dishonest consumer, each a process of its own with altered code, try to gain
 * from an honest node, and prints what each attempt gained. Fails where one gained more than its bound.
 */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import type { Lobstah } from '../../node/lobstah.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, eventually, idle } from '../support/mesh.ts'
import { ScriptedEngine, type Script } from '../support/scripted-engine.ts'
import { CONSUMER_CHEATS, CONTRIBUTOR_CHEATS, HONEST, HONEST_CREDITS } from './cheats.ts'
import { CLAIM_CHEATS } from './claim-cheats.ts'
import { SETTLING_CHEATS } from './settling-cheats.ts'

/** Micro-credits of a completion token. */
const TOKEN = 1_000_000

interface Attempt {
  who: string
  attempt: string
  /** Tokens, or credits' worth of them, that the cheat came to without the other's paying or getting them. */
  gained: number
  bound: number
}

const attempts: Attempt[] = []
const mesh = new Mesh()
const children: ChildProcess[] = []

function start(script: string, args: string[] = []): ChildProcess {
  const child = fork(join(import.meta.dirname, script), args)
  children.push(child)
  return child
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [said] = (await once(child, 'message')) as [T]
  return said
}

const endless: Script = async function* (_request, signal) {
  for (let i = 0; !signal.aborted; i++) yield { type: 'delta', delta: { content: `word${i} `, tokens: 1 } }
  yield { type: 'end', finishReason: 'cancelled', usage: { promptTokens: 7, completionTokens: 0 } }
}

async function cheatByContributor(): Promise<void> {
  const child = start('contributor-main.ts')
  const { addresses } = await message<{ addresses: string[] }>(child)
  const consumer = await mesh.node()
  await consumer.libp2p.dial(addresses.map((text) => multiaddr(text)))
  await contributorsKnown(consumer, 1)
  const spent = async (): Promise<number> => (await consumer.ledger.balance()).spent
  for (const { name, bound = 0 } of CONTRIBUTOR_CHEATS) {
    // Twice: a replay has something to replay then.
    for (const attempt of [name, `${name}, again`]) {
      child.send({ name })
      await message(child)
      const before = await spent()
      await collect(consumer.consumer.infer(ask('Hi'))).catch(() => undefined)
      const paid = (await spent()) - before
      if (name === HONEST) assert.equal(paid, HONEST_CREDITS, 'an honest contributor was not paid')
      const gained = Math.max(0, paid - HONEST_CREDITS) / TOKEN
      attempts.push({ who: 'contributor', attempt, gained, bound })
    }
  }
  for (const cheat of CLAIM_CHEATS) {
    child.send({ name: cheat.name, later: true })
    await message(child)
    const before = await spent()
    const answers = cheat.answers ?? 1
    for (let i = 0; i < answers; i++) await collect(consumer.consumer.infer(ask('Hi'))).catch(() => undefined)
    const claimed = message<{ said: string[] }>(child)
    await meetAgain(consumer, addresses)
    const { said } = await claimed
    const paid = (await spent()) - before
    const honest = answers * HONEST_CREDITS
    if (cheat.name === HONEST) assert.equal(paid, honest, `an honest claim was not paid: ${said.join()}`)
    const gained = Math.max(0, paid - honest) / TOKEN
    attempts.push({ who: 'contributor', attempt: `${cheat.name}, later`, gained, bound: cheat.bound })
  }
  await verified(consumer)
}

/** Cuts the connection and makes a new one: then what broke off is settled. */
async function meetAgain(consumer: Lobstah, addresses: string[]): Promise<void> {
  const [peer] = consumer.directory.contributors()
  assert.ok(peer)
  await consumer.libp2p.hangUp(peer.id)
  await eventually(consumer.directory, 'change', () => consumer.directory.contributors().length === 0)
  await consumer.libp2p.dial(addresses.map((text) => multiaddr(text)))
}

async function cheatByConsumer(): Promise<void> {
  const contributor = await mesh.node({
    engine: new ScriptedEngine(endless),
    contribute: true,
    listen: ['/ip4/127.0.0.1/tcp/0']
  })
  const child = start('consumer-main.ts', [addressesOf(contributor).join(','), contributor.peer])
  await message(child)
  const earned = async (): Promise<number> => (await contributor.ledger.balance()).earned
  for (const { name, bound } of [...CONSUMER_CHEATS, ...SETTLING_CHEATS]) {
    const before = await earned()
    child.send({ name })
    let said = await message<{ tokens?: number }>(child)
    while (said.tokens === undefined) {
      await idle(contributor)
      child.send({})
      said = await message(child)
    }
    const { tokens } = said
    await idle(contributor)
    const gained = Math.max(0, tokens - ((await earned()) - before) / TOKEN)
    attempts.push({ who: 'consumer', attempt: name, gained, bound })
  }
  await verified(contributor)
}

async function verified(node: Lobstah): Promise<void> {
  const { firstBad } = await node.ledger.verify()
  attempts.push({
    who: 'both',
    attempt: 'spoils the ledger',
    gained: firstBad === undefined ? 0 : 1,
    bound: 0
  })
}

try {
  await cheatByContributor()
  await cheatByConsumer()
  for (const { who, attempt, gained, bound } of attempts) {
    const verdict = gained > bound ? 'GAINED' : 'ok'
    process.stdout.write(
      `${who.padEnd(12)}${attempt.padEnd(60)}${String(gained).padStart(8)} of ${String(bound).padStart(5)} tokens  ${verdict}\n`
    )
  }
  const seconds = Math.round(performance.now() / 1000)
  process.stdout.write(`${attempts.length} attempts in ${seconds} s\n`)
  if (attempts.some(({ gained, bound }) => gained > bound)) process.exitCode = 1
} finally {
  for (const child of children) child.disconnect()
  await mesh.stop()
}
