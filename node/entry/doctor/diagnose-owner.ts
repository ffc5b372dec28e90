import type { Config } from '../../config/index.ts'
import { signalSource } from '../../owner/index.ts'
import { signalTexts } from '../signal-texts.ts'
import { ok, warn, type Finding } from './diagnosis.ts'

/** Longest look at the machine, in milliseconds. */
const PATIENCE_MS = 15_000

/** Says which signs of its owner's use this machine can read, and which it cannot. */
export async function diagnoseOwner(config: Config, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const root = env.LOBSTAH_SYSTEM_ROOT
  const source = signalSource({ env, ...(root === undefined ? {} : { root }) })
  try {
    const signals = await source.read({ busy: false, signal: AbortSignal.timeout(PATIENCE_MS) })
    const texts = signalTexts(signals)
    const unheeded = { power: config.onBattery, input: config.whileInUse, gpu: config.whileInUse }
    const remedies = {
      power: 'peers are not served until it is known; to serve them all the same: --on-battery',
      input: 'peers are not served until it is known; to serve them all the same: --while-in-use',
      gpu: "other programs' load on the graphics processor is not heeded"
    }
    return (['power', 'input', 'gpu'] as const).map((name) =>
      signals[name].known || unheeded[name]
        ? ok('owner', texts[name])
        : warn('owner', texts[name], remedies[name])
    )
  } finally {
    source.close()
  }
}
