import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ledger } from '../../../node/ledger/index.ts'
import { Deal, party } from './records.ts'

const ROUNDS = 5
const APPENDER = fileURLToPath(new URL('./appender.ts', import.meta.url))

describe('node/ledger when its process is killed', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-crash-'))
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('has kept every append that it acknowledged', async function () {
    this.timeout(120_000)
    const file = join(folder, 'ledger.sqlite')
    const owner = await party()
    const book = ledger({ file })({ peer: owner.id })
    const acknowledged: string[] = []

    for (let round = 1; round <= ROUNDS; round++) {
      const child = spawn(process.execPath, [APPENDER, file, Buffer.from(owner.key.raw).toString('hex')], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      const exited = once(child, 'exit')
      let seen = 0
      for await (const order of createInterface({ input: child.stdout })) {
        acknowledged.push(order)
        if (++seen === 20 * round) child.kill('SIGKILL')
      }
      assert.deepEqual(await exited, [null, 'SIGKILL'])

      await book.start()
      try {
        for (const order of acknowledged) assert.equal((await book.list({ order })).length, 3, order)
        const report = await book.verify()
        assert.equal(report.firstBad, undefined)
        assert.equal(report.entries % 3, 0)
        assert.ok(report.entries >= 3 * acknowledged.length)
        assert.equal((await book.balance()).earned, (report.entries / 3) * 100)
        await book.append(await new Deal(await party(), owner).whole(100))
      } finally {
        await book.stop()
      }
    }
    assert.ok(acknowledged.length >= 20 * (1 + 2 + 3 + 4 + 5))
  })
})
