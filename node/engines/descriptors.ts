import type { EngineDescriptor } from './descriptor.ts'
import { embedded } from './embedded/descriptor.ts'
import { ollama } from './ollama/descriptor.ts'
import { openai } from './openai/descriptor.ts'

/**
 * Every kind of engine by the name that settings call it, in the order of detection. This is the only list: the
 * setting `engine`, its help, detection and the choice of an engine are made from it.
 */
export const ENGINES = { ollama, openai, embedded } as const satisfies Record<string, EngineDescriptor>

/** `ollama`, `openai` or `embedded`. */
export type EngineName = keyof typeof ENGINES

export const ENGINE_NAMES = Object.keys(ENGINES) as EngineName[]
