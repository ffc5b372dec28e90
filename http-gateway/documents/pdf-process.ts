import { fork } from 'node:child_process'
import type { PdfJob, PdfResult } from './messages.ts'

const CHILD = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url)

/** The process reads files, since its own code and that of pdf.js are files, and may do nothing else to the machine. */
const PERMISSIONS = ['--permission', '--allow-fs-read=*', '--allow-worker']

/**
 * Reads a PDF in a process of its own, which is killed after `deadlineMs`, when it takes too much memory, or when
 * `signal` aborts. Never throws: what goes wrong is a fault. Resolves when the process has ended.
 */
export function readInProcess(job: PdfJob, deadlineMs: number, signal: AbortSignal): Promise<PdfResult> {
  if (signal.aborted) return Promise.resolve({ fault: 'aborted' })
  const { promise, resolve } = Promise.withResolvers<PdfResult>()
  const child = fork(CHILD, {
    execArgv: PERMISSIONS,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc']
  })
  let result: PdfResult | undefined
  const stop = (outcome: PdfResult): void => {
    result ??= outcome
    child.kill('SIGKILL')
  }
  const onAbort = (): void => stop({ fault: 'aborted' })
  const deadline = setTimeout(() => stop({ fault: 'deadline' }), deadlineMs)
  const ended = (): void => {
    clearTimeout(deadline)
    signal.removeEventListener('abort', onAbort)
    resolve(result ?? { fault: 'failed' })
  }
  signal.addEventListener('abort', onAbort, { once: true })
  child.once('message', (message: PdfResult) => stop(message))
  child.once('exit', ended)
  child.once('error', ended)
  // A failure to send means that the process is ending, which its exit reports.
  child.send(job, () => undefined)
  return promise
}
