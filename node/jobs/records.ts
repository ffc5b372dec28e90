/** A stored file, without its content. */
export interface FileRecord {
  id: string
  purpose: string
  filename: string
  bytes: number
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970; null where it is kept until it is deleted. */
  expiresAt: number | null
}

/** How far a batch has come: OpenAI's names. */
export type BatchStatus =
  | 'validating'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'failed'
  | 'expired'
  | 'cancelling'
  | 'cancelled'

/** One fault of an input file. */
export interface BatchFault {
  code: string
  line: number | null
  message: string
  param: string | null
}

/** A batch; times are seconds since 1970. */
export interface BatchRecord {
  id: string
  owner: string
  endpoint: string
  inputFileId: string
  completionWindow: string
  metadata: Record<string, string> | null
  /** Seconds that output files are kept after the batch has ended. */
  outputSeconds: number | null
  status: BatchStatus
  model: string | null
  errors: BatchFault[]
  outputFileId: string | null
  errorFileId: string | null
  /** Lines in all, answered, and failed. */
  counts: { total: number; completed: number; failed: number }
  usage: { input: number; output: number; cached: number; reasoning: number }
  createdAt: number
  expiresAt: number
  inProgressAt: number | null
  finalizingAt: number | null
  completedAt: number | null
  failedAt: number | null
  expiredAt: number | null
  cancellingAt: number | null
  cancelledAt: number | null
}

/** A line of a batch that waits for its answer. */
export interface Line {
  n: number
  customId: string
  body: object
}

/** The state of a line: `waiting`, `done` for the output file, `failed` for the error file. */
export type LineState = 'waiting' | 'done' | 'failed'

/** A page of a list. */
export interface PageOptions {
  /** The id after which the page begins. */
  after?: string | undefined
  limit: number
  /** @default 'desc': the newest first */
  order?: 'asc' | 'desc' | undefined
}

/** One page; `more` tells whether another follows. */
export interface Page<T> {
  data: T[]
  more: boolean
}
