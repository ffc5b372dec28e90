import { BusyError, EngineFailedError, LobstahError } from '../../protocols/errors.ts'
import { ConfigError, type Config } from '../config/index.ts'
import {
  detectEngine,
  ENGINES,
  EngineSettingsError,
  type DetectedEngine,
  type EngineSettings
} from '../engines/index.ts'
import { CommandError, EXIT } from './errors.ts'

/** Longest wait for a chosen engine to answer, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5000

/** The engine of this machine. */
export interface ChosenEngine extends DetectedEngine {
  /** It does not answer yet: nothing is served until it does. */
  absent?: true
}

/**
 * The engine that the settings name, or the one found on this machine; undefined where nobody would use it.
 * Throws CommandError when a chosen one cannot work, and ConfigError for settings that cannot be meant.
 */
export async function chooseEngine(
  config: Config,
  env: NodeJS.ProcessEnv
): Promise<ChosenEngine | undefined> {
  if (config.engine === 'none' || (!config.contribute && !config.gateway)) return undefined
  const settings = engineSettings(config, env)
  try {
    if (config.engine === 'auto') return await detected(settings)
    const { engine, label } = ENGINES[config.engine].open(settings)
    return await healthy({ engine, reason: label })
  } catch (err) {
    if (err instanceof EngineSettingsError) throw new ConfigError(err.message, { cause: err })
    throw err
  }
}

function engineSettings(config: Config, environment: NodeJS.ProcessEnv): EngineSettings {
  const { engineUrl, engineKey, modelFile, threads, contextLength, slots } = config
  return {
    url: engineUrl,
    apiKey: engineKey,
    modelPath: modelFile,
    threads,
    contextLength,
    // Each has a context of its own in memory.
    slots: slots ?? 1,
    environment
  }
}

async function detected(settings: EngineSettings): Promise<ChosenEngine> {
  const found = await detectEngine(settings)
  if (found.engine.name !== 'embedded') return found
  // A model file is a choice in itself.
  if (settings.modelPath !== undefined) return await healthy(found)
  const why = await problem(found)
  if (why === undefined) return found
  await found.engine.close()
  const { engine, label } = ENGINES.ollama.open(settings)
  return {
    engine,
    reason: `none found: ${label} does not answer; the node will use it once it does (${why})`,
    absent: true
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

async function healthy(chosen: DetectedEngine): Promise<ChosenEngine> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
  try {
    await chosen.engine.health({ signal })
    return chosen
  } catch (err) {
    // A large model takes longer to load than a server to answer: it is served once it is there.
    if (signal.aborted && chosen.engine.name === 'embedded')
      return { ...chosen, reason: `${chosen.reason}; the model is still loading` }
    // After a reboot this node may be up before the server is.
    if (chosen.engine.name !== 'embedded' && (signal.aborted || isAway(err)))
      return {
        ...chosen,
        reason: `${chosen.reason}, which does not answer yet: waiting for it`,
        absent: true
      }
    await chosen.engine.close()
    throw new CommandError(
      `The engine does not answer (${chosen.reason}): ${reasonOf(err)}`,
      EXIT.unavailable,
      { cause: err }
    )
  }
}

/** Whether nothing answered at all, or only that it is not ready; another answer does not change by waiting. */
function isAway(err: unknown): boolean {
  if (!(err instanceof EngineFailedError)) return false
  return !(err.cause instanceof LobstahError) || err.cause instanceof BusyError
}

function reasonOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
