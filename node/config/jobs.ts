import { z } from 'zod'

// Every `error` completes the sentence "expected …".

const count = z
  .number({ error: 'a whole number from 1' })
  .int({ error: 'a whole number from 1' })
  .min(1, { error: 'a whole number from 1' })

/** The settings of work that the gateway keeps. */
export const jobSettings = {
  jobs: z
    .boolean({ error: 'true or false' })
    .default(true)
    .describe('Keep files and batches on disk, encrypted'),
  jobLimits: z
    .strictObject(
      {
        diskBytes: count.default(4 * 2 ** 30),
        fileBytes: count.default(200 * 2 ** 20),
        batchLines: count.default(50_000),
        openBatches: count.default(16),
        concurrency: count.max(1024, { error: 'a whole number up to 1024' }).default(32),
        fileDays: count.default(30)
      },
      { error: 'an object with diskBytes, fileBytes, batchLines, openBatches, concurrency or fileDays' }
    )
    .prefault({})
    .describe(
      'Limits of files and batches: bytes on disk and per file, lines of a batch and how many are asked at once, unfinished batches per API key, days until files are deleted'
    )
}
