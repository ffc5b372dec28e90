import {
  canonicalModelName,
  type InferenceRequest,
  type ModelInfo,
  type OfferedModel
} from '../../../protocols/index.ts'

/** The model of a list that goes by a name. */
export function findModel(models: OfferedModel[], name: string): OfferedModel | undefined {
  const wanted = canonicalModelName(name)
  return models.find(({ id }) => canonicalModelName(id) === wanted)
}

/** The capabilities that a request wants of its model. */
export function wishesOf(request: InferenceRequest): string[] {
  const wishes: string[] = [request.kind]
  if (request.kind === 'chat') {
    if (request.tools !== undefined) wishes.push('tools')
    if (typeof request.tool_choice === 'object' || request.tool_choice === 'required')
      wishes.push('tool_choice')
    if (request.response_format?.type === 'json_schema') wishes.push('json_schema')
    if (request.response_format?.type === 'json_object') wishes.push('json_object')
    if (
      request.messages.some(
        ({ content }) => Array.isArray(content) && content.some(({ type }) => type === 'image_url')
      )
    ) {
      wishes.push('vision')
    }
  }
  if (request.kind !== 'embedding' && request.top_logprobs !== undefined) wishes.push('logprobs')
  return wishes
}

/** The wishes that a model does not fulfil; the engine itself refuses what it must. */
export function lacking({ capabilities }: Pick<ModelInfo, 'capabilities'>, wishes: string[]): string[] {
  return wishes.filter((wish) => !capabilities.includes(wish))
}
