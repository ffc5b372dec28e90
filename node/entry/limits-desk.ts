import type {
  LimitsPatch,
  LimitsState,
  LimitsDesk,
  PauseRequest,
  ServingState,
  SignalState
} from '../../http-gateway/index.ts'
import { BadRequestError } from '../../protocols/index.ts'
import { ConfigError } from '../config/index.ts'
import type { Capacity } from '../contributor/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { machineZone, type Owner, type Signals } from '../owner/index.ts'
import { earningsReport } from './earnings-report.ts'
import { CommandError } from './errors.ts'
import { isLive, LIVE_SETTINGS, type LiveConfig, type LiveSettings } from './live-settings.ts'
import { signalTexts } from './signal-texts.ts'

export interface LimitsDeskComponents {
  owner: Owner
  live: LiveSettings
  ledger: Ledger
  contributing: boolean
  capacity: () => Pick<Capacity, 'slots' | 'active' | 'queued'> | undefined
}

/** The gateway's way to the owner's limits. */
export function limitsDesk(components: LimitsDeskComponents): LimitsDesk {
  const { owner, live, ledger } = components
  const serving = (): ServingState => servingState(components)
  const limits = (): LimitsState => ({
    limits: limitsState(live.current),
    pinned: [...live.pinned],
    serving: serving()
  })
  return {
    serving,
    limits,
    change: async (patch) => {
      await change(live, patch)
      return limits()
    },
    pause: async (request) => {
      await owner.pause(untilOf(request))
      return serving()
    },
    resume: async () => {
      await owner.resume()
      return serving()
    },
    earnings: (query) => earningsReport(ledger, live.current, query, Date.now())
  }
}

function servingState({ owner, live, contributing, capacity }: LimitsDeskComponents): ServingState {
  const { verdict, pause, tokens, signals } = owner.state()
  const { tokensPerDay = null, tokensPerMonth = null } = live.current
  const { slots = 0, active = 0, queued = 0 } = capacity() ?? {}
  return {
    contributing,
    open: contributing && verdict.open,
    reason: verdict.open ? null : verdict.reason,
    message: verdict.open ? null : verdict.message,
    until: verdict.open ? null : (verdict.until ?? null),
    paused: pause ?? null,
    tokens: { ...tokens, perDay: tokensPerDay, perMonth: tokensPerMonth },
    slots,
    active,
    queued,
    signals: signals === undefined ? [] : signalStates(signals)
  }
}

/** The limits as JSON: one that is not set is null. */
function limitsState(settings: LiveConfig): Record<string, unknown> {
  const named = LIVE_SETTINGS.map((name): [string, unknown] => [name, settings[name] ?? null])
  return { ...Object.fromEntries<unknown>(named), timeZone: settings.timeZone ?? machineZone() }
}

async function change(live: LiveSettings, patch: LimitsPatch): Promise<void> {
  const unknown = Object.keys(patch).find((name) => !isLive(name))
  if (unknown !== undefined)
    throw new BadRequestError(`${unknown} is no limit: use ${LIVE_SETTINGS.join(', ')}`, { param: unknown })
  try {
    await live.change(patch)
  } catch (err) {
    const named = Object.keys(patch).find((name) => err instanceof Error && err.message.includes(name))
    const init = { cause: err, ...(named === undefined ? {} : { param: named }) }
    if (err instanceof ConfigError || err instanceof CommandError)
      throw new BadRequestError(err.message, init)
    throw err
  }
}

function untilOf(request: PauseRequest): number | null | 'tomorrow' {
  if ('for' in request) return Date.now() + request.for
  return 'until' in request ? request.until : null
}

function signalStates(signals: Signals): SignalState[] {
  const texts = signalTexts(signals)
  return (['power', 'input', 'gpu'] as const).map((signal) => {
    const reading = signals[signal]
    return {
      signal,
      known: reading.known,
      value: reading.known ? reading.value : null,
      detail: texts[signal]
    }
  })
}
