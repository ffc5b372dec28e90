/**
 * Tokens that today's model families make of the text of one o200k token, at most: measured in `README.md`. A digit is
 * counted by itself and never makes more than one.
 */
export const FAMILY_FACTOR = 1.3

/** The same for embeddings: WordPiece, which most embedding models use, makes a token of each punctuation mark. */
export const EMBEDDING_FACTOR = 2

/** Longest text that is counted at once, in UTF-16 units: every tokenizer takes quadratic time for one long word. */
export const CHUNK_LENGTH = 2048

/** Longest text that is counted by the vocabulary, in UTF-16 units; what is beyond counts a token for each byte. */
export const MAX_COUNTED_LENGTH = 4_194_304

/** Longest time that a thread counts one text, in milliseconds; what is left counts a token for each byte. */
export const COUNT_BUDGET_MS = 2000

/** Longest wait for the thread, in milliseconds, its start and the texts before this one included. */
export const COUNT_TIMEOUT_MS = 10_000

/** How long the thread is kept without anything to count, in milliseconds: its vocabulary takes 80 MB. */
export const IDLE_MS = 60_000

/** Completion tokens of an answer that leave no text: the end of turn, an empty reasoning, trimmed white space. */
export const SILENT_TOKENS = 8

/** The same around reasoning that was delivered. */
export const REASONING_TOKENS = 8

/** Tokens around one tool call that leave no text. */
export const CALL_TOKENS = 24

/** Prompt tokens that a chat template adds to a request: its own system prompt and the start of the answer. */
export const TEMPLATE_TOKENS = 96

/** The same for each message: ChatML written out in a vocabulary that lacks its markers makes 16. */
export const MESSAGE_TOKENS = 16

/** Prompt tokens by which a template explains that there are tools, and those around each tool. */
export const TOOLS_TOKENS = 256
export const TOOL_TOKENS = 16

/** Tokens that mark the beginning and end of a text, of a legacy completion or of one input of an embedding. */
export const MARKER_TOKENS = 8

/** The most prompt tokens that an image can have. */
export const IMAGE_TOKENS = 4096
