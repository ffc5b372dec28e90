/** A thread that verifies records by themselves: their form and their signatures. */
import { parentPort } from 'node:worker_threads'
import { openAll } from './entry.ts'
import { toLedgerError, toMessage } from './errors.ts'
import type { LedgerRecord } from './index.ts'
import type { CallMessage, ReplyMessage } from './worker-calls.ts'

async function answer({ id, args }: CallMessage): Promise<ReplyMessage> {
  try {
    return { id, result: await openAll(args[0] as LedgerRecord[]) }
  } catch (err) {
    return { id, error: toMessage(toLedgerError(err, '')) }
  }
}

parentPort?.on('message', (message: CallMessage) => {
  // Never rejects: what is thrown is the answer.
  void answer(message).then((reply) => parentPort?.postMessage(reply))
})
