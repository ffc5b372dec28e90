import type { AnswerEvent, InferenceRequest } from '../../../protocols/index.ts'

/** An address outside the mesh that answers what the mesh cannot. */
export interface LastResort {
  /** What it calls a model. */
  nameOf(model: string): string
  /** Answers a request for a model by the name that it has there. */
  infer(request: InferenceRequest, options: { signal?: AbortSignal | undefined }): AsyncIterable<AnswerEvent>
}
