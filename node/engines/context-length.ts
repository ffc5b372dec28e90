/** The context that an agent needs, in tokens: its first turn has over 11,000, and later ones more. */
export const AGENT_CONTEXT_LENGTH = 32_768

/** Tells the owner that a model is offered with less context than it holds, why, and what to do. */
export function loweredContext(
  model: string,
  { offered, wanted }: { offered: number; wanted: number },
  why: string
): string {
  return `${model} is offered with a context of ${offered} tokens, not ${wanted}: ${why}`
}

/**
 * How servers say that a prompt does not fit: llama.cpp, vLLM, TGI, SGLang, LM Studio, TabbyAPI, TensorRT-LLM,
 * llama-cpp-python, and the services that proxies such as LiteLLM pass on.
 */
const OVERFLOW = new RegExp(
  [
    'exceed_context|context_length_exceeded|context[ _-](?:length|window|size|limit)|available context',
    'max(?:imum)?[ _](?:allowed |input |prompt |model |sequence )(?:length|tokens)|max_(?:seq_len|model_len|num_tokens)',
    'longer than the (?:maximum )?model|too large to process|must have less than \\d+ tokens|`inputs` tokens \\+',
    '(?:prompt|input)(?: is)? too long|input length .*exceeds|input token count|input tokens exceed|n_keep',
    'reduce the length of the (?:messages|prompt|input)|model token limit|token limit exceeded'
  ].join('|'),
  'i'
)

/** Words after a number that counts the prompt rather than the limit. */
const NOT_THE_PROMPTS = String.raw`\b(?! ?(?:tokens?)?\)? ?(?:is |are |exceed|\+))`

/** Where the limit stands in these wordings, the surest first. */
const LIMITS = [
  String.raw`max_(?:seq_len|model_len|num_tokens)\D{0,12}(\d+)`,
  String.raw`n_ctx\W{1,4}(\d+)`,
  String.raw`context[ _](?:length|window|size|limit)(?: is| of)?(?: only)?[\s:=(]*(\d+)${NOT_THE_PROMPTS}`,
  String.raw`max(?:imum)? (?:(?:allowed|input|prompt|model|sequence|number of) )*(?:length|tokens)(?: allowed)?(?: is| of)?[\s:=(]*(\d+)${NOT_THE_PROMPTS}`,
  String.raw`(\d+)[- ]tokens? (?:context|limit)`,
  String.raw`must have less than (\d+) tokens`,
  'max_new_tokens`? must be <= (\\d+)',
  String.raw`too large for model with (\d+)`,
  String.raw`> (\d+)`,
  String.raw`limit (?:is|of) (\d+)`,
  String.raw`batch size: (\d+)`
].map((pattern) => new RegExp(pattern, 'i'))

/** Below this, in tokens, a number was not the context's length. */
const MIN_CONTEXT_LENGTH = 64

/** Whether a server's words on a failure are that prompt and answer do not fit the context. */
export function isContextOverflow(message: string): boolean {
  return OVERFLOW.test(message)
}

/** The context's length in tokens, if a server's words tell it. */
export function contextLengthIn(message: string): number | undefined {
  // 131,072 and 131_072 are one number.
  const text = message.replace(/(?<=\d)[,_](?=\d{3})/g, '')
  for (const pattern of LIMITS) {
    const limit = Number(pattern.exec(text)?.[1])
    if (Number.isSafeInteger(limit) && limit >= MIN_CONTEXT_LENGTH) return limit
  }
  return undefined
}
