/** A request to change the limits: fields by name, each null to reset it. */
export type LimitsPatch = Record<string, unknown>

/** How long a pause lasts: milliseconds from now, a time in milliseconds since 1970, until tomorrow, or until resumed. */
export type PauseRequest = { for: number } | { until: number | 'tomorrow' } | Record<string, never>

/** Signs of the owner's use of the machine. */
export interface SignalState {
  signal: 'power' | 'input' | 'gpu'
  known: boolean
  value: string | number | null
  detail: string
}

/** Whether peers are served now, and why not. */
export interface ServingState {
  contributing: boolean
  open: boolean
  reason: string | null
  message: string | null
  until: number | null
  paused: { until: number | null } | null
  tokens: { day: number; month: number; perDay: number | null; perMonth: number | null }
  slots: number
  active: number
  queued: number
  signals: SignalState[]
}

/** The limits in force. */
export interface LimitsState {
  limits: Record<string, unknown>
  pinned: string[]
  serving: ServingState
}

/** Earnings, in micro-credits, and the work behind them. */
export interface Earned {
  orders: number
  promptTokens: number
  completionTokens: number
  earned: number
  claimed: number
  seconds: number
  tokensPerSecond: number | null
  kwh: number | null
  cost: number | null
}

/** Earnings from peers' orders. */
export interface EarningsReport {
  timeZone: string
  since: number
  today: Earned
  week: Earned
  month: Earned
  by: EarningsGroup | null
  groups: (Earned & { key: string })[]
}

export const EARNINGS_GROUPS = ['model', 'peer', 'day'] as const
export type EarningsGroup = (typeof EARNINGS_GROUPS)[number]

/** Where the owner of the machine says what peers get of it. Throws BadRequestErrors. */
export interface LimitsDesk {
  serving(): ServingState
  limits(): LimitsState
  /** Changes all of the fields, or none. */
  change(patch: LimitsPatch): Promise<LimitsState>
  pause(request: PauseRequest): Promise<ServingState>
  resume(): Promise<ServingState>
  earnings(query: { since?: number; by?: EarningsGroup }): Promise<EarningsReport>
}
