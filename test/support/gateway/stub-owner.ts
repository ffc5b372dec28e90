import type { Earned, LimitsDesk, ServingState } from '../../../http-gateway/index.ts'

const NOTHING: Earned = {
  orders: 0,
  promptTokens: 0,
  completionTokens: 0,
  earned: 0,
  claimed: 0,
  seconds: 0,
  tokensPerSecond: null,
  kwh: null,
  cost: null
}

/** An owner's desk that keeps what it was asked. */
export function stubOwner(asked: unknown[] = []): LimitsDesk {
  const serving = (): ServingState => ({
    contributing: true,
    open: true,
    reason: null,
    message: null,
    until: null,
    paused: null,
    tokens: { day: 1, month: 2, perDay: null, perMonth: null },
    slots: 2,
    active: 1,
    queued: 0,
    signals: []
  })
  return {
    serving,
    limits: () => ({ limits: { slots: 2 }, pinned: [], serving: serving() }),
    change: async (patch) => {
      asked.push({ patch })
      return { limits: patch, pinned: [], serving: serving() }
    },
    pause: async (request) => {
      asked.push({ pause: request })
      return serving()
    },
    resume: async () => {
      asked.push('resume')
      return serving()
    },
    earnings: async (query) => {
      asked.push({ earnings: query })
      const { since = 0, by } = query
      return {
        timeZone: 'UTC',
        since,
        today: NOTHING,
        week: NOTHING,
        month: NOTHING,
        by: by ?? null,
        groups: []
      }
    }
  }
}
