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
  if (!/\.Messages\b/.test(template)) return cutAfterResponse(template)
  const thinking = thinks ? [true, false] : [false]
  const chats = thinking.flatMap((think) =>
    chatsToProbe(thinks).map((chat) => ({ ...chat, ...thought(think, thinks) }))
  )
  try {
    return chats.every((chat) => renderTemplate(template, chat).endsWith(BEGUN))
  } catch (err) {
    if (err instanceof TemplateError) return false
    throw err
  }
}

/**
 * Whether a template without messages leaves the response open. Ollama cuts it after the first field of that name,
 * which need not be the one that prints it.
 */
function cutAfterResponse(template: string): boolean {
  const first = /\{\{[^}]*\.Response\b[^}]*\}\}/.exec(template)?.[0]
  return first === undefined || /^\{\{-?\s*\$?\.Response\s*-?\}\}$/.test(first)
}

/** Whether a template is the model's own, of Jinja, which Ollama leaves to llama.cpp's server. */
export function isJinja(template: string): boolean {
  return template.includes('{%')
}

/** A tool, as Ollama gives it to a template. */
const TOOL = {
  type: 'function',
  function: {
    name: 'look_up',
    description: 'Looks something up',
    parameters: {
      type: 'object',
      required: ['what'],
      properties: { what: { type: 'string', description: 'What' } }
    }
  }
}

/** The same with the names that templates use, printed as JSON. */
const TEMPLATE_TOOL = { ...TOOL, Type: TOOL.type, Function: { ...TOOL.function, Name: TOOL.function.name } }

/** Chats that end with a message of the assistant: short and long, with instructions and tools, and without. */
function chatsToProbe(thinks: boolean): object[] {
  const user = message('user', 'How does it begin?')
  const begun = message('assistant', BEGUN)
  const system = message('system', 'Be brief.')
  const long = [user, message('assistant', 'Which story?'), message('user', 'Any.'), begun]
  const chats = [
    { System: '', Messages: [user, begun], Tools: [] },
    { System: 'Be brief.', Messages: [system, ...long], Tools: [] },
    { System: '', Messages: long, Tools: [TEMPLATE_TOOL] }
  ]
  const pondered = { System: '', Messages: [user, { ...begun, Thinking: 'Hm.' }], Tools: [] }
  return thinks ? [...chats, pondered] : chats
}

function thought(think: boolean, isThinkSet: boolean): object {
  return { Response: '', Think: think, ThinkLevel: '', IsThinkSet: isThinkSet }
}

function message(role: string, content: string): object {
  return {
    Role: role,
    Content: content,
    Thinking: '',
    Images: [],
    ToolCalls: [],
    ToolName: '',
    ToolCallID: ''
  }
}
