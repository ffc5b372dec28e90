import assert from 'node:assert/strict'
import { continues, type PromptMaker } from '../../../../../node/engines/ollama/template/continues.ts'

const OPEN =
  '{{ range $i, $_ := .Messages }}{{ .Content }}{{ if lt (len (slice $.Messages $i)) 2 }}{{ else }}!{{ end }}{{ end }}'

describe('node/engines/ollama/template/continues', () => {
  const probe = (template: string, more: Partial<PromptMaker> = {}): boolean =>
    continues({ template, thinks: false, ...more })

  it('trusts a template that leaves the last message open', () => {
    assert.equal(probe(OPEN), true)
    assert.equal(probe(OPEN, { thinks: true }), true)
    assert.equal(probe(`{{ if not .Think }}${OPEN}{{ end }}`, { thinks: true }), false)
  })

  it('trusts no template that closes it, or ends with more', () => {
    assert.equal(probe('{{ range .Messages }}{{ .Content }}<|im_end|>{{ end }}'), false)
    assert.equal(probe(`${OPEN}\n`), false)
  })

  it('trusts a template without messages, which Ollama cuts after the response', () => {
    assert.equal(probe('[INST] {{ .System }} {{ .Prompt }} [/INST] {{ .Response }}</s>'), true)
    assert.equal(probe('{{ .Prompt }}'), true)
    assert.equal(probe(''), false)
  })

  it('trusts no template that is not understood, or that is not what makes the prompt', () => {
    assert.equal(probe(`${OPEN}{{ conjure .Messages }}`), false)
    assert.equal(probe(`{{ if .Messages }}${OPEN}`), false)
    assert.equal(probe(OPEN, { renderer: 'qwen3-coder' }), false)
    assert.equal(probe(OPEN, { parser: 'harmony' }), false)
    assert.equal(probe(OPEN, { family: 'gptoss' }), false)
  })

  it('leaves templates of Jinja to llama.cpp, which goes on unless the model thinks', () => {
    const jinja = '{% for m in messages %}{{ m.content }}{% endfor %}'
    assert.equal(probe(jinja), true)
    assert.equal(probe(jinja, { thinks: true }), false)
  })
})
