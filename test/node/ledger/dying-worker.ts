/** A thread that opens, and ends with an error when it is to append. */
import { parentPort } from 'node:worker_threads'
import type { CallMessage } from '../../../node/ledger/worker-calls.ts'

class DyingError extends Error {}

parentPort?.on('message', ({ id, method }: CallMessage) => {
  if (method === 'append') throw new DyingError('the thread dies')
  parentPort?.postMessage({ id, result: [] })
})
