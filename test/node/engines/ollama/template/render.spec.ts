import assert from 'node:assert/strict'
import { TemplateError } from '../../../../../node/engines/ollama/template/parse.ts'
import { renderTemplate } from '../../../../../node/engines/ollama/template/render.ts'

const ROOT = {
  System: 'Be brief.',
  Messages: [
    { Role: 'user', Content: 'a' },
    { Role: 'assistant', Content: 'b' },
    { Role: 'user', Content: 'c' }
  ],
  Tools: [],
  Deep: { Inner: 'x' }
}

describe('node/engines/ollama/template/render', () => {
  const cases: [string, string][] = [
    ['a {{- " b " -}} c', 'a b c'],
    ['{{/* a comment */}}{{ `raw "text"` }}{{ "\\"" }}', 'raw "text""'],
    ['{{ range .Messages }}{{ .Role }}:{{ .Content }};{{ end }}', 'user:a;assistant:b;user:c;'],
    ['{{ range $i, $m := .Messages }}{{ $i }}{{ $m.Content }}{{ end }}', '0a1b2c'],
    ['{{ range $m := .Messages }}{{ $m.Content }}{{ end }}', 'abc'],
    ['{{ range .Tools }}x{{ else }}none{{ end }}', 'none'],
    ['{{ range .Messages }}{{ if eq .Role "assistant" }}{{ break }}{{ end }}{{ .Content }}{{ end }}', 'a'],
    [
      '{{ range .Messages }}{{ if eq .Role "assistant" }}{{ continue }}{{ end }}{{ .Content }}{{ end }}',
      'ac'
    ],
    [
      '{{ $last := -1 }}{{ range $i, $_ := .Messages }}{{ if eq .Role "user" }}{{ $last = $i }}{{ end }}{{ end }}{{ $last }}',
      '2'
    ],
    ['{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}', '1'],
    ['{{ if and .Tools .System }}a{{ else if or .Tools .System }}b{{ else }}c{{ end }}', 'b'],
    ['{{ with .Deep }}{{ .Inner }}{{ end }}{{ with .Tools }}x{{ else }}y{{ end }}', 'xy'],
    ['{{ (index .Messages 1).Content }}{{ (slice .Messages 2) | len }}', 'b1'],
    ['{{ eq "a" "b" "a" }} {{ ne 1 2 }} {{ not .Tools }} {{ gt (len .Messages) 2 }}', 'true true true true'],
    ['{{ printf "%s-%d%%" .System 3 | printf "[%v]" }}', '[Be brief.-3%]'],
    ['{{ json .Deep }}', '{"Inner":"x"}'],
    ['{{ range .Messages }}{{ $.System }}{{ break }}{{ end }}', 'Be brief.']
  ]
  for (const [template, expected] of cases) {
    it(`renders ${template}`, () => assert.equal(renderTemplate(template, ROOT), expected))
  }

  for (const template of [
    '{{ if .System }}open',
    '{{ end }}',
    '{{ nothing .System }}',
    '{{ $unknown }}',
    '{{ .System "a" }}',
    '{{ range .System }}{{ end }}',
    '{{ ( }}',
    '{{ | }}',
    '{{ ? }}',
    '{{ "\\z" }}',
    '{{ template "x" . }}'
  ]) {
    it(`refuses ${template}`, () => assert.throws(() => renderTemplate(template, ROOT), TemplateError))
  }

  it('bounds the work of a hostile template', () => {
    const loops = 12
    const template = `${'{{ range $.Messages }}'.repeat(loops)}x${'{{ end }}'.repeat(loops)}`
    assert.throws(() => renderTemplate(template, ROOT), TemplateError)
    assert.throws(() => renderTemplate('x'.repeat(300_000), ROOT), TemplateError)
    assert.throws(() => renderTemplate('{{ if '.repeat(40_000), ROOT), TemplateError)
    assert.throws(() => renderTemplate('{{ if .System }}'.repeat(10_000), ROOT), TemplateError)
    const chain = `{{ if .Tools }}${'{{ else if .Tools }}'.repeat(10_000)}{{ end }}`
    assert.throws(() => renderTemplate(chain, ROOT), TemplateError)
    const doubled = '{{ $x := "lobster" }}' + '{{ $x = printf "%s%s" $x $x }}'.repeat(60)
    assert.throws(() => renderTemplate(doubled, ROOT), TemplateError)
    assert.throws(() => renderTemplate(`{{ ${'('.repeat(100_000)} }}`, ROOT), TemplateError)
  })
})
