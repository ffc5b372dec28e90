import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const LOGGING = new URL('../../../node/entry/logging.ts', import.meta.url).href

describe('node/entry/logging', () => {
  it('lets nobody else write a line of the log', async () => {
    const said = 'no\n[12:00:00.000] INFO: all is well\r\u2028\u001b[2J'
    const script = `import { logging } from '${LOGGING}'
      const { components } = logging({ level: 'info', json: false })
      components.forComponent('lobstah:peer')('%s said %e', 'she', new Error(${JSON.stringify(said)}))`
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    assert.match(stderr, /INFO: peer: she said no \[12:00:00\.000\] INFO: all is well +\n$/)
    assert.equal(stderr.split('\n').length, 2)
  })
})
