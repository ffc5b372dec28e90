import type { EngineDescriptor } from '../descriptor.ts'
import { EmbeddedEngine } from './embedded-engine.ts'

/** llama.cpp inside this program. A model file chooses it; without one it only demonstrates. */
export const embedded: EngineDescriptor = {
  summary: 'one GGUF file inside this program',
  detection: ({ modelPath }) => (modelPath === undefined ? 'last' : 'take'),
  open: ({ modelPath, threads, slots, contextLength }) => {
    const engine = new EmbeddedEngine({
      ...(modelPath === undefined ? {} : { modelPath }),
      ...(threads === undefined ? {} : { threads }),
      ...(slots === undefined ? {} : { slots }),
      ...(contextLength === undefined ? {} : { contextSize: contextLength })
    })
    const model = modelPath ?? 'the demonstration model, which only shows that the mesh works'
    return { engine, label: `the embedded engine with ${model}` }
  }
}
