/**
 * The process that reads one PDF. A worker thread does the work; this thread only watches the memory of both, which
 * neither `--max-old-space-size` nor `resourceLimits` bounds: what a PDF inflates to lies outside V8's heap.
 */
import { Worker } from 'node:worker_threads'
import { MEMORY_POLL_MS } from './constants.ts'
import type { PdfJob, PdfResult } from './messages.ts'

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './pdf-worker.ts' : './pdf-worker.js',
  import.meta.url
)

/** Tells the result and ends at once: a worker in the midst of its work has no way to hold it up. */
function finish(result: PdfResult): void {
  process.send?.(result, () => process.kill(process.pid, 'SIGKILL'))
}

process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.once('message', ({ bytes, maxLength, maxMemory }: PdfJob) => {
  const watch = setInterval(() => {
    if (process.memoryUsage.rss() <= maxMemory) return
    clearInterval(watch)
    finish({ fault: 'memory' })
  }, MEMORY_POLL_MS)
  const worker = new Worker(WORKER, {
    workerData: { bytes, maxLength },
    resourceLimits: { maxOldGenerationSizeMb: maxMemory / 2 ** 20 }
  })
  worker.once('message', (result: PdfResult) => finish(result))
  worker.once('error', (err: NodeJS.ErrnoException) => {
    finish({ fault: err.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'failed' })
  })
})
