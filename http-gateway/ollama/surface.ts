import type { Surface } from '../route.ts'
import { embed, legacyEmbed } from './embed.ts'
import { toOllamaError } from './errors.ts'
import { chat, generate } from './generate.ts'
import { pull } from './pull.ts'
import { ps, show, tags, version } from './models.ts'

/** Ollama's API. */
export const ollama: Surface<'ollama'> = {
  name: 'ollama',
  routes: [chat, generate, embed, legacyEmbed, pull, show, tags, ps, version],
  // LiteLLM sends no content type, and `curl -d`, of which Ollama's documentation consists, that of a form.
  anyContentType: true,
  foldsCase: true,
  owns: (path) => path === '/api' || path.startsWith('/api/'),
  errorDocument: toOllamaError
}
