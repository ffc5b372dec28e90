/**
 * Ten contributors under steady load, of which three are killed, frozen or cut off every ten seconds, and come back:
 * no request may fail, no answer may be wrong, and in the end both sides' ledgers must agree.
 *
 * `CHAOS_SECONDS` says how long (180), `CHAOS_SEED` repeats a storm. Times are told, and fail nothing.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@libp2p/interface'
import { gatewayOf } from '../support/gateway/mesh-gateway.ts'
import { Mesh, contributorsKnown } from '../support/mesh.ts'
import { randomFrom } from '../support/numbered.ts'
import { LOSSES, Member, type Loss } from './fleet.ts'
import { load } from './load.ts'
import { Deaths } from './deaths.ts'
import { agreement } from './agreement.ts'

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 180)
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const CONTRIBUTORS = Number(process.env.CHAOS_CONTRIBUTORS ?? 10)

/** How many are lost at once, and how often, in milliseconds. */
const LOST_PART = 0.3
const EVERY_MS = 10_000

/** How long one is away, in milliseconds. */
const [SHORTEST_MS, LONGEST_MS] = [3000, 9000]

/** Questions at once, the words of each answer, and the milliseconds between two tokens of it. */
const STREAMS = 8
const WORDS = 150
const TOKEN_MS = 25

/** Longest wait for the ledgers to agree, in milliseconds: contributors in reach are asked every 10 s. */
const SETTLE_MS = 60_000

const random = randomFrom(SEED)
const folder = await mkdtemp(join(tmpdir(), 'lobstah-chaos-'))
const deaths = new Deaths()
const mesh = new Mesh()
const members: Member[] = []
const say = (text: string): boolean => process.stdout.write(`${text}\n`)

/** Hears of the consumer when it gives a contributor up. */
function logger(name: string): Logger {
  const log = (format: unknown, ...args: unknown[]): void => {
    if (String(format).includes('asking another')) deaths.noticed(String(args[0]))
  }
  const quiet = (): void => undefined
  return Object.assign(name === 'lobstah:consumer' ? log : quiet, {
    error: quiet,
    trace: quiet,
    enabled: false,
    newScope: () => logger('')
  })
}

/** Loses some for a while. */
async function storm(round: number): Promise<void> {
  const well = members.filter(({ lost }) => lost === undefined)
  const victims = Array.from({ length: Math.round(CONTRIBUTORS * LOST_PART) }, () =>
    well.splice(Math.floor(random() * well.length), 1)
  ).flat()
  await Promise.all(
    victims.map(async (member, i) => {
      const how: Loss = LOSSES[(round + i) % LOSSES.length]!
      deaths.lost(member, how, member.lose(how))
      await delay(SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS))
      await member.restore()
      deaths.back(member)
    })
  )
}

let failed = true
try {
  members.push(
    ...(await Promise.all(
      Array.from({ length: CONTRIBUTORS }, (_, i) =>
        Member.start({ home: join(folder, String(i)), words: WORDS, tokenMs: TOKEN_MS }, (member, tag, at) =>
          deaths.asked(member, tag, at)
        )
      )
    ))
  )
  const node = await mesh.node({
    bootstrap: members.map(({ address }) => address),
    logger: { forComponent: (name) => logger(name) }
  })
  await contributorsKnown(node, CONTRIBUTORS)
  const http = gatewayOf(node)
  await http.start()
  say(`${CONTRIBUTORS} contributors, ${STREAMS} requests at once, ${SECONDS} s (CHAOS_SEED=${SEED})`)

  const over = new AbortController()
  const loading = load(http.url, WORDS, STREAMS, {
    signal: over.signal,
    onOver: (tag) => deaths.over(tag)
  })
  const storms: Promise<void>[] = []
  const until = performance.now() + SECONDS * 1000
  for (let round = 0; performance.now() + EVERY_MS / 2 < until; round++) {
    await delay(round === 0 ? EVERY_MS / 2 : EVERY_MS)
    storms.push(storm(round))
  }
  await delay(Math.max(0, until - performance.now()))
  over.abort()
  const outcomes = await loading
  await Promise.all(storms)
  await http.stop()

  const failures = outcomes.filter(({ failed }) => failed !== undefined)
  const wrong = outcomes.filter(({ wrong }) => wrong !== undefined)
  const receipts = await agreement(node, members, outcomes, SETTLE_MS)
  for (const each of [...failures, ...wrong].slice(0, 20))
    say(`${each.tag} (${each.kind}): ${each.failed ?? each.wrong}`)
  for (const each of receipts.lost.slice(0, 20)) say(each)
  say('')
  say(`requests                         ${outcomes.length}`)
  say(`contributors lost                ${deaths.count}, in the midst of ${deaths.cuts} answers`)
  say(`requests failed                  ${failures.length}`)
  say(`wrong answers                    ${wrong.length}`)
  say(`receipts lost                    ${receipts.lost.length} of ${receipts.checked}`)
  for (const line of deaths.table(outcomes)) say(line)
  assert.ok(deaths.cuts > 0, 'nobody was lost in the midst of an answer: the test shows nothing')
  failed = failures.length + wrong.length + receipts.lost.length > 0
} finally {
  await mesh.stop()
  await Promise.all(members.map((member) => member.stop()))
  await rm(folder, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
