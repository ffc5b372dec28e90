import assert from 'node:assert/strict'
import { continues } from '../../../../../node/engines/ollama/template/continues.ts'

/** Templates built as those of popular models in Ollama's library are, in our own words. */
const LAST = '{{- $last := eq (len (slice $.Messages $i)) 1 }}'

const TEMPLATES: Record<string, { template: string; thinks?: boolean; goesOn: boolean }> = {
  'llama 3.x': {
    goesOn: true,
    template: `{{- if or .System .Tools }}<|start_header_id|>system<|end_header_id|>
{{- if .System }}

{{ .System }}
{{- end }}
{{- if .Tools }}

You may call functions. Answer with JSON when you do.
{{- end }}<|eot_id|>
{{- end }}
{{- range $i, $_ := .Messages }}
${LAST}
{{- if eq .Role "user" }}
{{- if and $.Tools $last }}<|start_header_id|>user<|end_header_id|>

The functions are:
{{ range $.Tools }}
{{- . }}
{{ end }}
Question: {{ .Content }}<|eot_id|>
{{- else }}<|start_header_id|>user<|end_header_id|>

{{ .Content }}<|eot_id|>
{{- end }}{{ if $last }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- else if eq .Role "assistant" }}<|start_header_id|>assistant<|end_header_id|>
{{- if .ToolCalls }}
{{ range .ToolCalls }}
{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}
{{- else }}

{{ .Content }}
{{- end }}{{ if not $last }}<|eot_id|>{{ end }}
{{- else if eq .Role "tool" }}<|start_header_id|>ipython<|end_header_id|>

{{ .Content }}<|eot_id|>{{ if $last }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- end }}
{{- end }}`
  },
  'qwen2.5': {
    goesOn: true,
    template: `{{- if .Messages }}
{{- if or .System .Tools }}<|im_start|>system
{{- if .System }}
{{ .System }}
{{- end }}
{{- if .Tools }}

# Tools

<tools>
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}
</tools>
{{- end }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
${LAST}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}
{{- else }}
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ end }}{{ .Response }}{{ if .Response }}<|im_end|>{{ end }}`
  },
  qwen3: {
    goesOn: true,
    thinks: true,
    template: `{{- $lastUserIdx := -1 -}}
{{- range $idx, $msg := .Messages -}}
{{- if eq $msg.Role "user" }}{{ $lastUserIdx = $idx }}{{ end -}}
{{- end }}
{{- if or .System .Tools }}<|im_start|>system
{{ if .System }}{{ .System }}{{ end }}
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end -}}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}
{{- if and $.IsThinkSet (eq $i $lastUserIdx) }}
   {{- if $.Think -}}
      {{- " "}}/think
   {{- else -}}
      {{- " "}}/no_think
   {{- end -}}
{{- end }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if (and $.IsThinkSet (and .Thinking (or $last (gt $i $lastUserIdx)))) -}}
<think>{{ .Thinking }}</think>
{{ end -}}
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ if and $.IsThinkSet (not $.Think) -}}
<think>

</think>

{{ end -}}
{{ end }}
{{- end }}`
  },
  gemma3: {
    goesOn: false,
    template: `{{- range $i, $_ := .Messages }}
${LAST}
{{- if or (eq .Role "user") (eq .Role "system") }}<start_of_turn>user
{{ .Content }}<end_of_turn>
{{ if $last }}<start_of_turn>model
{{ end }}
{{- else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}{{ if not $last }}<end_of_turn>
{{ end }}
{{- end }}
{{- end }}<end_of_turn>`
  },
  'gemma3, open': {
    goesOn: true,
    template: `{{- range $i, $_ := .Messages }}
${LAST}
{{- if or (eq .Role "user") (eq .Role "system") }}<start_of_turn>user
{{ .Content }}<end_of_turn>
{{ if $last }}<start_of_turn>model
{{ end }}
{{- else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}{{ if not $last }}<end_of_turn>
{{ end }}
{{- end }}
{{- end }}`
  },
  mistral: {
    goesOn: true,
    template: `{{- range $i, $_ := .Messages }}
{{- if eq .Role "user" }}
{{- if and (le (len (slice $.Messages $i)) 2) $.Tools }}[AVAILABLE_TOOLS] {{ $.Tools }}[/AVAILABLE_TOOLS]
{{- end }}[INST] {{ if and (eq (len (slice $.Messages $i)) 1) $.System }}{{ $.System }}

{{ end }}{{ .Content }}[/INST]
{{- else if eq .Role "assistant" }}
{{- if .Content }} {{ .Content }}
{{- if not (eq (len (slice $.Messages $i)) 1) }}</s>
{{- end }}
{{- else if .ToolCalls }}[TOOL_CALLS] [
{{- range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{- end }}]</s>
{{- end }}
{{- else if eq .Role "tool" }}[TOOL_RESULTS] {"content": {{ .Content }}}[/TOOL_RESULTS]
{{- end }}
{{- end }}`
  },
  phi4: {
    goesOn: true,
    template: `{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
<|im_start|>{{ .Role }}<|im_sep|>
{{ .Content }}{{ if not $last }}<|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_end|>
<|im_start|>assistant<|im_sep|>
{{ end }}
{{- end }}`
  },
  'deepseek-r1': {
    goesOn: true,
    thinks: true,
    template: `{{- if .System }}{{ .System }}{{ end }}
{{- range $i, $_ := .Messages }}
${LAST}
{{- if eq .Role "user" }}<\uff5cUser\uff5c>{{ .Content }}
{{- else if eq .Role "assistant" }}<\uff5cAssistant\uff5c>
{{- if and $.IsThinkSet (and $last .Thinking) -}}
<think>
{{ .Thinking }}
</think>
{{- end }}{{ .Content }}{{- if not $last }}<\uff5cend\u2581of\u2581sentence\uff5c>{{- end }}
{{- end }}
{{- if and $last (ne .Role "assistant") }}<\uff5cAssistant\uff5c>
{{- if and $.IsThinkSet (not $.Think) -}}
<think>

</think>

{{ end }}
{{- end -}}
{{- end }}`
  },
  'a thinking model that opens a thought after every last message': {
    goesOn: false,
    thinks: true,
    template:
      '{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}{{ end }}{{ if .Think }}<think>{{ end }}'
  },
  'a template that closes the message only beside tools': {
    goesOn: false,
    template: '{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}{{ if .Tools }}<tools/>{{ end }}'
  },
  'a template that drops the message where it has thoughts': {
    goesOn: false,
    thinks: true,
    template:
      '{{ range .Messages }}[{{ .Role }}]{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ else }}{{ .Content }}{{ end }}{{ end }}'
  },
  'chatml without an open end': {
    goesOn: false,
    template:
      '{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n'
  },
  'an old template that prints the response': {
    goesOn: true,
    template:
      '{{ if .System }}<|system|>{{ .System }}<|end|>{{ end }}<|user|>{{ .Prompt }}<|end|><|assistant|>{{ .Response }}<|end|>'
  },
  'an old template that asks for the response before it prints it': {
    goesOn: false,
    template: '<|user|>{{ .Prompt }}<|assistant|>{{ if .Response }}{{ .Response }}<|end|>{{ end }}'
  }
}

describe('node/engines/ollama/template/continues, on known templates', () => {
  for (const [name, { template, thinks = false, goesOn }] of Object.entries(TEMPLATES)) {
    it(`${goesOn ? 'goes on' : 'does not go on'} with ${name}`, () => {
      assert.equal(continues({ template, thinks }), goesOn)
    })
  }
})
