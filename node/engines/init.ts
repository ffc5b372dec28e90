/** Where Ollama answers, and what it is held to. */
export interface OllamaEngineInit {
  /**
   * Base URL.
   *
   * @default 'http://127.0.0.1:11434'
   */
  url?: string
  /**
   * Tokens of prompt and answer together, for every model; models with a shorter context keep theirs.
   *
   * @default the larger of 32768 and what is loaded, as far as the memory suffices
   */
  contextLength?: number
  /**
   * Memory of the machine that Ollama runs on, in bytes.
   *
   * @default this machine's where Ollama runs on it; else it is not known, and lowers nothing
   */
  memory?: number
}

/** Where an OpenAI-compatible server answers. */
export interface OpenaiEngineInit {
  /** Base URL with or without its `/v1`, such as `http://127.0.0.1:8080`. */
  url: string
  /** Sent as a bearer token. */
  apiKey?: string
  /** Whether any name is taken for a model's, and the server is not asked for its list. @default false */
  unlisted?: boolean
  /**
   * Tokens of prompt and answer together, for models whose server does not tell.
   *
   * @default unknown: nothing is refused, and the server's own error teaches the limit
   */
  contextLength?: number
}

/** Which GGUF file the embedded engine runs, and how. */
export interface EmbeddedEngineInit {
  /**
   * Path of a GGUF file.
   *
   * @default the demonstration model that comes with the package
   */
  modelPath?: string
  /**
   * The model's id.
   *
   * @default its file name without `.gguf` and quantization: `tiny-chat` for `tiny-chat-q8_0.gguf`
   */
  modelName?: string
  /**
   * CPU threads. Never more than the machine's cores: threads that outnumber them spin. The demonstration model takes one.
   *
   * @default all cores for a model over 100 MB, else 1
   */
  threads?: number
  /**
   * Tokens of prompt and answer together, for each slot.
   *
   * @default 32768 as far as the memory suffices; never more than the model was trained for
   */
  contextSize?: number
  /**
   * Memory for the model and its context, in bytes.
   *
   * @default all that is free
   */
  memory?: number
  /**
   * Requests that are answered at the same time; more wait in the order they came.
   *
   * @default 4
   */
  slots?: number
}
