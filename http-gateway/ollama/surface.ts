import type { Surface } from '../route.ts'
import { embed, legacyEmbed } from './embed.ts'
import { toOllamaError } from './errors.ts'
import { chat, generate } from './generate.ts'
import { ps, show, tags, version } from './models.ts'

/** Ollama's API. */
export const ollama: Surface<'ollama'> = {
  name: 'ollama',
  routes: [chat, generate, embed, legacyEmbed, show, tags, ps, version],
  owns: (path) => path.startsWith('/api/'),
  errorDocument: toOllamaError
}
