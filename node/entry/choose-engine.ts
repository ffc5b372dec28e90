import type { Config } from '../config/index.ts'
import {
  detectEngine,
  embeddedEngine,
  ollamaEngine,
  openaiEngine,
  type DetectedEngine
} from '../engines/index.ts'
import { CommandError, EXIT } from './errors.ts'

/** Where `--engine openai` looks when told nothing: llama.cpp's own port. */
const OPENAI_URL = 'http://127.0.0.1:8080'

/** Longest wait for a chosen engine to answer, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5000

/**
 * The engine that the settings name, or the one found on this machine; undefined where nobody would use it.
 * Throws CommandError when a chosen one does not answer.
 */
export async function chooseEngine(
  config: Config,
  env: NodeJS.ProcessEnv
): Promise<DetectedEngine | undefined> {
  if (config.engine === 'none' || (!config.contribute && !config.gateway)) return undefined
  const url = config.engineUrl
  const embedded = {
    slots: config.slots,
    ...(config.modelFile === undefined ? {} : { modelPath: config.modelFile }),
    ...(config.threads === undefined ? {} : { threads: config.threads })
  }
  const contextLength = config.contextLength === undefined ? {} : { contextLength: config.contextLength }
  const ollama = { url: url ?? ollamaHost(env), ...contextLength }
  const openai = {
    url: url ?? OPENAI_URL,
    ...contextLength,
    ...(config.engineKey === undefined ? {} : { apiKey: config.engineKey })
  }
  switch (config.engine) {
    case 'auto':
      // A model file is a choice in itself.
      if (config.modelFile !== undefined)
        return await healthy({ engine: embeddedEngine(embedded), reason: 'a model file was given' })
      // A server that nobody named is not asked: another program may have its port.
      return await detectEngine({ ollama, ...(url === undefined ? {} : { openai }), embedded })
    case 'ollama':
      return await healthy({ engine: ollamaEngine(ollama), reason: `Ollama at ${ollama.url}` })
    case 'openai':
      return await healthy({
        engine: openaiEngine(openai),
        reason: `an OpenAI-compatible server at ${openai.url}`
      })
    case 'embedded':
      return await healthy({ engine: embeddedEngine(embedded), reason: 'the embedded engine' })
  }
}

async function healthy(chosen: DetectedEngine): Promise<DetectedEngine> {
  try {
    await chosen.engine.health({ signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
    return chosen
  } catch (err) {
    await chosen.engine.close()
    const why = err instanceof Error ? err.message : String(err)
    throw new CommandError(`The engine does not answer (${chosen.reason}): ${why}`, EXIT.unavailable, {
      cause: err
    })
  }
}

/** Ollama's own variable: a host, a port, both, or a URL. */
function ollamaHost(env: NodeJS.ProcessEnv): string {
  const host = env.OLLAMA_HOST
  if (host === undefined || host === '') return 'http://127.0.0.1:11434'
  const url = new URL(/^https?:\/\//.test(host) ? host : `http://${host}`)
  // Ollama listens on 0.0.0.0 when told so; nobody can connect to that everywhere.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.port === '') url.port = '11434'
  return url.origin
}
