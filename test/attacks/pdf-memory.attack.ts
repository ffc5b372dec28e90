import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { testGateway } from '../support/gateway/gateway.ts'
import { pdfBomb } from '../support/pdf.ts'
import { reportAttack } from './table.ts'

const MIB = 2 ** 20
const PROCESS_BOUND_MIB = 512
const PROCESSES = 2
/** Memory that a process may gain between two samples, plus what the gateway needs for request bodies. */
const SLACK_MIB = 192

describe('attack: PDFs that inflate without end', function () {
  this.timeout(120_000)

  before(function () {
    if (process.platform !== 'linux') this.skip()
  })

  it('takes no more memory than its bound, however many come at once', async () => {
    const { http } = testGateway()
    const bomb = pdfBomb(2048)
    let most = 0
    let processes = 0
    const watch = setInterval(() => {
      void memoryOfChildren().then((sizes) => {
        processes = Math.max(processes, sizes.length)
        most = Math.max(most, sizes.reduce((total, size) => total + size, 0) / MIB)
      })
    }, 10)
    try {
      const answers = await Promise.all(
        Array.from({ length: 4 }, async (_, index) => {
          // Each is another file: what is known of one says nothing of the next.
          const data = Buffer.concat([bomb, Buffer.from(`%${index}`)]).toString('base64')
          const content = [{ type: 'file', file: { filename: 'a.pdf', file_data: data } }]
          return http.inject({
            method: 'POST',
            url: '/v1/chat/completions',
            headers: { host: 'localhost' },
            payload: { model: 'tiny', messages: [{ role: 'user', content }] }
          })
        })
      )
      for (const { statusCode, payload } of answers) {
        assert.equal(statusCode, 400, payload)
        // On a busy machine the time runs out first.
        assert.match(payload, /512 MiB of memory|longer than 10 s/)
      }
    } finally {
      clearInterval(watch)
      await http.stop()
    }
    assert.ok(processes > 0 && processes <= PROCESSES, `${processes} processes at once`)
    assert.ok(most > 0 && most < PROCESSES * PROCESS_BOUND_MIB + SLACK_MIB, `${Math.round(most)} MiB`)
    assert.deepEqual(await memoryOfChildren(), [])
    reportAttack({
      promise: 'a file bounds its memory and time',
      attack: `four PDFs at once of ${Math.round(bomb.length / 1024)} KB that inflate to 2 GiB each`,
      reached: `${Math.round(most)} MiB in ${processes} processes; each refused with 400`,
      bound: `${PROCESSES} processes of ${PROCESS_BOUND_MIB} MiB, looked at every 20 ms`
    })
  })
})

/** The resident memory of each process that this one has started and that still runs, in bytes. */
async function memoryOfChildren(): Promise<number[]> {
  const list = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')
  const sizes = await Promise.all(
    list
      .split(' ')
      .filter((pid) => pid.trim() !== '')
      .map(async (pid) => {
        const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '')
        return Number(statm.split(' ')[1] ?? 0) * 4096
      })
  )
  return sizes.filter((size) => size > 0)
}
