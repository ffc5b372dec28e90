import { EngineFailedError } from '../../protocols/errors.ts'
import type { Delta } from '../../protocols/inference/index.ts'

/** The vectors of an embedding request, by the place of their input; values are float32, little-endian. */
export class EmbeddingVectors {
  readonly #vectors: (string | undefined)[]

  constructor(inputs: number) {
    this.#vectors = Array.from({ length: inputs })
  }

  add({ embeddings = [] }: Delta): void {
    for (const { index, vector } of embeddings) if (index in this.#vectors) this.#vectors[index] = vector
  }

  /** As they came. Throws EngineFailedError where one is missing. */
  base64(): string[] {
    return this.#vectors.map((vector, index) => {
      if (vector === undefined) throw new EngineFailedError(`The answer lacks the vector of input ${index}`)
      return vector
    })
  }

  /** As numbers. Throws EngineFailedError where one is missing. */
  float(): number[][] {
    return this.base64().map((vector) => {
      const bytes = Buffer.from(vector, 'base64')
      return Array.from({ length: Math.floor(bytes.length / 4) }, (_, place) => bytes.readFloatLE(place * 4))
    })
  }
}
