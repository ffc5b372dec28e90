import assert from 'node:assert/strict'
import { Victim } from '../support/attacks/victim.ts'
import { DishonestContributor } from '../support/dishonest-contributor.ts'
import { modelListed, runProcess } from '../support/node-process.ts'
import { reportAttack } from './table.ts'

/** The clipboard, the title, a cleared screen, hidden text, a line written over, an override of direction, tags. */
const EVIL =
  '\x1b]52;c;Y3VybA==\x07\x1b]0;pwned\x07\x1b[2J\x1b[8mhidden\x1b[0m\r\u202eabc\u200b\u{e0041}\x9b2J\x9d0;t\x9c'

/** Characters that act on a terminal, or hide: none may be written. */

const ACTS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u

describe('attacks on the user’s terminal', function () {
  this.timeout(120_000)

  it('text of peers does nothing there, whichever command shows it', async () => {
    const liar = await DishonestContributor.start(['chat', `evil${EVIL}`])
    try {
      await using victim = await Victim.consumer(liar.libp2p.getMultiaddrs().map(String))
      await modelListed(victim.node.url)
      const run = async (...args: string[]): Promise<string> => {
        const { stdout, stderr } = await runProcess([...args, '--home', victim.node.home])
        return stdout + stderr
      }
      liar.act = async (sale) => {
        await sale.accept()
        for (const piece of Array.from(`so ${EVIL} long`)) await sale.delta(piece)
        await sale.receipt()
        await sale.end()
      }
      const answer = await run('chat', 'Hi')
      assert.match(answer, /so hiddenabc long/)
      const json = await run('chat', '--json', 'Hi')
      assert.ok((JSON.parse(json) as { content: string }).content.includes(EVIL))
      liar.act = async (sale) => {
        await sale.send({ type: 'error', code: 'bad_request', message: `no\n${EVIL}`, retryable: false })
      }
      const said = {
        answer,
        json,
        error: await run('chat', 'Hi'),
        models: await run('models'),
        peers: await run('peers')
      }
      for (const [command, text] of Object.entries(said)) assert.doesNotMatch(text, ACTS, command)
      reportAttack({
        promise: 'the user’s terminal',
        attack: 'control sequences and hidden text in answers, errors and capabilities',
        reached: '0 characters',
        bound: '0 characters'
      })
    } finally {
      await liar.stop()
    }
  })
})
