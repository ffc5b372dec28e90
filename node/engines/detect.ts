import type { EngineSettings, OpenedEngine } from './descriptor.ts'
import { ENGINE_NAMES, ENGINES } from './descriptors.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { InterimEngine } from './interim-engine.ts'

/** How long an engine may take to say that it is there, in milliseconds. */
const DETECT_TIMEOUT_MS = 1000

/** An engine, and a sentence for people that says which it is and why. */
export interface DetectedEngine {
  engine: Engine
  reason: string
}

/**
 * Finds this machine's engine: the embedded one if a model file is given, else Ollama, else the OpenAI-compatible
 * server if an address is given, else the embedded engine with its demonstration model. The last gives way to one of
 * the others when it appears. Never throws for an engine that is absent.
 */
export async function detectEngine(
  settings: EngineSettings = {},
  options: EngineOptions = {}
): Promise<DetectedEngine> {
  const taken = ENGINE_NAMES.find((name) => ENGINES[name].detection(settings) === 'take')
  if (taken !== undefined) return because(ENGINES[taken].open(settings))
  const missing: string[] = []
  const found = await lookForEngine(settings, options, missing)
  if (found !== undefined) return because(found, ...missing)
  const last = ENGINE_NAMES.find((name) => ENGINES[name].detection(settings) === 'last') ?? 'embedded'
  const { engine, label } = ENGINES[last].open(settings)
  const look = (signal: AbortSignal): Promise<OpenedEngine | undefined> => lookForEngine(settings, { signal })
  return because({ engine: new InterimEngine(engine, look), label }, ...missing)
}

/** The first engine that answers; the labels of those that do not are put into `missing`. */
async function lookForEngine(
  settings: EngineSettings,
  options: EngineOptions,
  missing: string[] = []
): Promise<OpenedEngine | undefined> {
  for (const name of ENGINE_NAMES) {
    if (ENGINES[name].detection(settings) !== 'ask') continue
    const opened = ENGINES[name].open(settings)
    if (await answers(opened.engine, options)) return opened
    missing.push(`${opened.label} does not answer`)
  }
  return undefined
}

function because({ engine, label }: OpenedEngine, ...reasons: string[]): DetectedEngine {
  return { engine, reason: reasons.length === 0 ? label : `${label} (${reasons.join(', ')})` }
}

/** Whether the engine is there; one that is not is closed. */
async function answers(engine: Engine, options: EngineOptions): Promise<boolean> {
  const deadline = AbortSignal.timeout(DETECT_TIMEOUT_MS)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline])
  try {
    await engine.health({ signal })
    return true
  } catch {
    options.signal?.throwIfAborted()
    await engine.close()
    return false
  }
}
