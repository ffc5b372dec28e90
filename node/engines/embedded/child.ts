/**
 * The process in which llama.cpp runs, so that a crash of it costs one request and not the node. Started by
 * `child-process.ts`, it speaks `messages.ts` over IPC.
 */
import { basename } from 'node:path'
import { CancelledError, EngineFailedError, LobstahError } from '../../../protocols/errors.ts'
import { quote } from '../errors.ts'
import type { FromChild, ToChild } from './messages.ts'
import type { LoadedModel } from './model.ts'

const jobs = new Map<number, AbortController>()
let model: LoadedModel | undefined

function tell(message: FromChild): void {
  process.send?.(message)
}

async function start(message: Extract<ToChild, { type: 'start' }>): Promise<void> {
  try {
    const { loadModel } = await import('./model.ts')
    model = await loadModel(message.settings)
    tell({ type: 'ready', facts: model.facts })
  } catch (err) {
    const absent = err instanceof Error && 'code' in err && err.code === 'ERR_MODULE_NOT_FOUND'
    const { modelPath } = message.settings
    // The message may travel to a consumer, to whom this machine's folders are no business.
    const said = quote(
      (err instanceof Error ? err.message : String(err)).replaceAll(modelPath, basename(modelPath))
    )
    const why = absent
      ? 'its optional package is missing; run "npm install node-llama-cpp"'
      : `the model ${basename(modelPath)} does not load: ${said}`
    tell({ type: 'unready', message: why })
  }
}

async function work(message: Extract<ToChild, { type: 'generate' | 'count' }>): Promise<void> {
  const { id, request } = message
  const controller = new AbortController()
  jobs.set(id, controller)
  try {
    if (model === undefined) throw new EngineFailedError('The model is not loaded')
    if (message.type === 'count') {
      tell({ type: 'counted', id, tokens: model.countTokens(request) })
      return
    }
    const end = await model.generate(request, controller.signal, (delta) =>
      tell({ type: 'delta', id, delta })
    )
    tell({ type: 'end', id, ...end })
  } catch (err) {
    const code = err instanceof LobstahError ? err.code : 'engine_failed'
    tell({ type: 'failed', id, code, message: err instanceof Error ? err.message : String(err) })
  } finally {
    jobs.delete(id)
  }
}

process.on('message', (message: ToChild) => {
  switch (message.type) {
    case 'start':
      void start(message)
      break
    case 'abort':
      jobs.get(message.id)?.abort(new CancelledError())
      break
    default:
      void work(message)
  }
})

// The parent is gone. llama.cpp's threads may hold an orderly exit up, and there is nothing to save.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
