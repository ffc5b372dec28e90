import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** Documents, code with its comments and messages, and scripts; golden files and packages are not prose of ours. */
const FILES = [
  '*.md',
  '*.js',
  '{node,protocols,http-gateway,openclaw,docs,test,bench,scripts,deploy}/**/*.{ts,md,mjs,sh,html}'
]
const NOT_OURS =
  /(^|\/)node_modules\/|^test\/(fixtures|layers\/planted)\/|^test\/prose\/|^node\/(consumer|contributor)\//

/** Beginnings of statements: of a line or sentence, in a comment, a list, a table's cell, a quotation. */
const STATEMENT =
  /(?:^|[.:;!] |\/\*\* |\/\/ |\| |[`'"(]|^- |^> |\*\* )(?:Who|Whoever|What)(?= (?!is a mesh))[^.?!|\n]*(?:[.?!|]|$)/gm

/** The statements of a text that begin with a pronoun instead of their subject; questions may. */
function withoutSubject(text: string): string[] {
  // Sentences go on in the next line of a comment.
  const joined = text.replaceAll(/\n[ \t]*(?:\*(?!\/)|\/\/) ?(?=[a-z`(])/g, ' ')
  return Array.from(joined.matchAll(STATEMENT), ([found]) => found).filter((found) => !found.endsWith('?'))
}

describe('prose', () => {
  it('names the subject of each statement first, instead of "who", "whoever" or "what"', async () => {
    const found: string[] = []
    for await (const file of glob(FILES, { cwd: ROOT })) {
      if (NOT_OURS.test(file)) continue
      const text = await readFile(join(ROOT, file), 'utf8')
      for (const statement of withoutSubject(text)) found.push(`${file}: ${statement}`)
    }
    assert.deepEqual(
      found,
      [],
      'reword them: "Unreachable peers are omitted", not "Who cannot be reached is not in it"'
    )
  })

  it('tells statements from questions', () => {
    assert.deepEqual(withoutSubject('Who sends faster is throttled.'), ['Who sends faster is throttled.'])
    assert.deepEqual(withoutSubject('It ends. What is left is dropped.').length, 1)
    assert.deepEqual(withoutSubject('/** What a peer said. */').length, 1)
    assert.deepEqual(withoutSubject('/** Says\n * what a peer said. */'), [])
    assert.deepEqual(withoutSubject("'What is the weather?'\nWho is it?"), [])
  })
})
