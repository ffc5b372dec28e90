import type { ListedModel } from '../../node/consumer/index.ts'

/** A list of models as Anthropic's clients read it: one page. */
export function toModelPage(models: ListedModel[]): object {
  const data = models.map(toModelInfo)
  return {
    data,
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null
  }
}

/** A model as Anthropic's clients read it; the fields are all required there. */
export function toModelInfo({ id, contextLength }: ListedModel): object {
  return {
    type: 'model',
    id,
    display_name: id,
    // Peers do not tell when a model was made: this is since when it may have been listed here.
    created_at: new Date(performance.timeOrigin).toISOString(),
    // Models are served, or they are not listed.
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
    max_input_tokens: contextLength,
    max_tokens: contextLength,
    capabilities: null
  }
}
