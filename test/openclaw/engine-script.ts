import type { FakeReply, FakeScript } from '../support/engines/script.ts'
import { record } from '../support/engines/fake-server.ts'
import type { OllamaServer } from '../support/engines/ollama-server.ts'

/** The scripted engine's answers to the test's questions. */
export const ANSWERS = {
  agent: 'The lobster answers over the mesh.',
  tool: 'The note says: LOBSTER-4711.',
  task: '{"category":"invoice","urgent":true}'
} as const

/**
 * Answers OpenClaw's turns as a model would: a word for a chat, a tool call and then its result's words for
 * «read the note», JSON for llm-task.
 */
export function agentScript(server: () => OllamaServer, note: string): FakeScript {
  return (prompt): FakeReply => {
    const body = record(server().requests.at(-1)?.body)
    const sent = JSON.stringify(body.messages)
    if (sent.includes('Classify')) return { text: ANSWERS.task }
    if (!sent.includes('read the note')) return { text: ANSWERS.agent }
    if (sent.includes('LOBSTER-4711')) return { text: ANSWERS.tool }
    const tool = prompt.tools.find((name) => name === 'read')
    return tool === undefined
      ? { text: `there is no tool to read with, only ${prompt.tools.join(' ')}` }
      : { toolCalls: [{ name: tool, arguments: { path: note } }] }
  }
}
