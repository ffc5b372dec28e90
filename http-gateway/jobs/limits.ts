/** Bounds of what a gateway keeps, and for how long. */
export interface JobLimits {
  /** Largest file, in bytes. @default 209715200 */
  fileBytes: number
  /** Most lines of a batch. @default 50000 */
  batchLines: number
  /** Batches of one key that have not ended. @default 16 */
  openBatches: number
  /** Lines of one batch that run at once. @default 32 */
  concurrency: number
  /** Days that files are kept where their upload does not say. @default 30 */
  fileDays: number
}

export const DEFAULT_JOB_LIMITS: JobLimits = {
  fileBytes: 200 * 1024 * 1024,
  batchLines: 50_000,
  openBatches: 16,
  concurrency: 32,
  fileDays: 30
}

/** Longest line of a batch, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

export const DAY_SECONDS = 24 * 3600

/** How long a batch waits for its model to be served before it fails, in milliseconds: after a start, peers are met first. */
export const MODEL_PATIENCE_MS = 10_000
