import { isIPv6 } from 'node:net'
import { ConfigError, type Config } from '../config/index.ts'
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

/** Where Ollama listens when nothing is said. */
const OLLAMA_URL = 'http://127.0.0.1:11434'

/** Longest wait for a chosen engine to answer, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5000

/** The engine of this machine. */
export interface ChosenEngine extends DetectedEngine {
  /** It is not there, and nobody asked for it: it serves once it answers. */
  absent?: true
}

/**
 * The engine that the settings name, or the one found on this machine; undefined where nobody would use it.
 * Throws CommandError when a chosen one does not answer, and ConfigError for Ollama's own variable.
 */
export async function chooseEngine(
  config: Config,
  env: NodeJS.ProcessEnv
): Promise<ChosenEngine | undefined> {
  if (config.engine === 'none' || (!config.contribute && !config.gateway)) return undefined
  const url = config.engineUrl
  const embedded = {
    slots: config.slots,
    ...(config.modelFile === undefined ? {} : { modelPath: config.modelFile }),
    ...(config.threads === undefined ? {} : { threads: config.threads })
  }
  const contextLength = config.contextLength === undefined ? {} : { contextLength: config.contextLength }
  const ollama = (): { url: string } => ({ url: url ?? ollamaHost(env), ...contextLength })
  const openai = {
    url: url ?? OPENAI_URL,
    ...contextLength,
    ...(config.engineKey === undefined ? {} : { apiKey: config.engineKey })
  }
  switch (config.engine) {
    case 'auto': {
      // A model file is a choice in itself.
      if (config.modelFile !== undefined)
        return await healthy({ engine: embeddedEngine(embedded), reason: 'a model file was given' })
      // A server that nobody named is not asked: another program may have its port.
      const detected = await detectEngine({
        ollama: ollama(),
        ...(url === undefined ? {} : { openai }),
        embedded
      })
      const why = detected.engine.name === 'embedded' ? await problem(detected) : undefined
      if (why === undefined) return detected
      await detected.engine.close()
      const { url: expected } = ollama()
      const reason = `none found: Ollama does not answer at ${expected}, and is used when it does (${why})`
      return { engine: ollamaEngine(ollama()), reason, absent: true }
    }
    case 'ollama':
      return await healthy({ engine: ollamaEngine(ollama()), reason: `Ollama at ${ollama().url}` })
    case 'openai':
      return await healthy({
        engine: openaiEngine(openai),
        reason: `an OpenAI-compatible server at ${openai.url}`
      })
    case 'embedded':
      return await healthy({ engine: embeddedEngine(embedded), reason: 'the embedded engine' })
  }
}

/** Why an engine does not work; undefined where it does, and where it takes long to say. */
async function problem({ engine }: DetectedEngine): Promise<string | undefined> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
  try {
    await engine.health({ signal })
    return undefined
  } catch (err) {
    return signal.aborted ? undefined : reasonOf(err)
  }
}

async function healthy(chosen: DetectedEngine): Promise<DetectedEngine> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
  try {
    await chosen.engine.health({ signal })
    return chosen
  } catch (err) {
    // A large model takes longer to load than a server to answer: it is served once it is there.
    if (signal.aborted && chosen.engine.name === 'embedded')
      return { ...chosen, reason: `${chosen.reason}; the model is still loading` }
    await chosen.engine.close()
    throw new CommandError(
      `The engine does not answer (${chosen.reason}): ${reasonOf(err)}`,
      EXIT.unavailable,
      { cause: err }
    )
  }
}

function reasonOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}

/** Ollama's own variable, read as Ollama reads it: a host, a port after a colon, both, or a URL. */
function ollamaHost({ OLLAMA_HOST: host = '' }: NodeJS.ProcessEnv): string {
  const said = host.trim().replace(/\/+$/, '')
  if (said === '') return OLLAMA_URL
  const whole = /^https?:\/\//i.test(said)
  const named = isIPv6(said) ? `[${said}]` : said.startsWith(':') ? `127.0.0.1${said}` : said
  const url = URL.parse(whole ? said : `http://${/:\d+$/.test(named) ? named : `${named}:11434`}`)
  if (url === null)
    throw new ConfigError(`OLLAMA_HOST: expected a host and port, or a URL, such as ${OLLAMA_URL}`)
  // Ollama listens on all addresses when told so; nobody can connect to that everywhere.
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1'
  return url.origin
}
