import { TemplateError } from './parse.ts'
import { renderTemplate } from './render.ts'

/** The text of the probe's last message; no template contains it. */
const BEGUN = 'It was a dark and'

/** The fields of `/api/show` that describe how the model's prompts are built. */
export interface PromptMaker {
  template: string
  /** Names of Ollama's own code that makes prompts or reads answers in place of the template. */
  renderer?: string | undefined
  parser?: string | undefined
  family?: string | undefined
  thinks: boolean
}

/**
 * Whether a model goes on with a last message of the assistant: its template leaves that message open. A template that
 * closes the message would have the model begin another; one that is not understood is not trusted.
 */
export function continues({ template, renderer, parser, family, thinks }: PromptMaker): boolean {
  // A prompt that Ollama's own code makes is not the template's.
  if (template.trim() === '' || renderer || parser || family === 'gptoss' || family === 'gpt-oss')
    return false
  // llama.cpp's server goes on, but refuses to where the model thinks.
  if (isJinja(template)) return !thinks
  // Templates without messages are cut after the response by Ollama itself.
  if (!/\.Messages\b/.test(template)) return true
  try {
    return (thinks ? [true, false] : [false]).every((think) =>
      renderTemplate(template, values(think, thinks)).endsWith(BEGUN)
    )
  } catch (err) {
    if (err instanceof TemplateError) return false
    throw err
  }
}

/** Whether a template is the model's own, of Jinja, which Ollama leaves to llama.cpp's server. */
export function isJinja(template: string): boolean {
  return template.includes('{%')
}

/** The values that Ollama gives a template. */
function values(think: boolean, isThinkSet: boolean): object {
  const message = (role: string, content: string): object => ({
    Role: role,
    Content: content,
    Thinking: '',
    Images: [],
    ToolCalls: [],
    ToolName: '',
    ToolCallID: ''
  })
  return {
    System: 'Be brief.',
    Messages: [
      message('system', 'Be brief.'),
      message('user', 'How does it begin?'),
      message('assistant', BEGUN)
    ],
    Tools: [],
    Response: '',
    Think: think,
    ThinkLevel: '',
    IsThinkSet: isThinkSet
  }
}
