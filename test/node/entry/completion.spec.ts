import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { COMMANDS, COMMAND_GROUPS } from '../../../node/entry/command-list.ts'
import { completionScript, SHELLS } from '../../../node/entry/completion/scripts.ts'
import { shape } from '../../../node/entry/completion/shape.ts'

const script = (shell: (typeof SHELLS)[number]): string =>
  completionScript(shell, shape(COMMANDS, COMMAND_GROUPS))

describe('node/entry/completion', () => {
  for (const shell of SHELLS) {
    it(`is a script that ${shell} can read`, function () {
      const found = spawnSync(shell, ['-c', 'exit'])
      if (found.error !== undefined) this.skip()
      const { status, stderr } = spawnSync(shell, ['-n'], { input: script(shell), encoding: 'utf8' })
      assert.deepEqual([status, stderr], [0, ''])
    })
  }

  it('names every command and every flag in all shells', () => {
    for (const shell of SHELLS) {
      const text = script(shell)
      for (const { name } of COMMANDS) assert.ok(text.includes(name.split(' ').at(-1) ?? ''), name)
      assert.match(text, /contribute/)
    }
  })

  describe('in bash', () => {
    /** The candidates at the end of a line. */
    function complete(...words: string[]): string[] {
      const line = ['lobstah-node', ...words].map((word) => `'${word}'`).join(' ')
      const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _lobstah_node; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync('bash', ['-c', `${script('bash')}\n${ask}`], { encoding: 'utf8' })
      assert.equal(stderr, '')
      return stdout.split('\n').filter((word) => word !== '')
    }
    before(function () {
      if (spawnSync('bash', ['-c', 'exit']).error !== undefined) this.skip()
    })

    it('completes commands, those of a group, flags and values', () => {
      assert.ok(complete('st').includes('status'))
      assert.deepEqual(complete('receipts', 's'), ['show'])
      assert.ok(complete('--contr').includes('--contribute'))
      assert.ok(complete('service', 'logs', '--fol').includes('--follow'))
      assert.deepEqual(complete('--engine', 'oll'), ['ollama'])
      assert.deepEqual(complete('balance', '--by', 'm'), ['model'])
      assert.ok(complete('chat', '--sys').includes('--system'))
      assert.deepEqual(complete('chat', '--model', ''), [])
    })
  })
})
