import { Counter, Histogram, type Registry } from 'prom-client'
import { WIRE_ERRORS_BY_CODE } from '../../protocols/index.ts'
import type { ConsumerObserver } from '../consumer/index.ts'
import type { ContributorObserver } from '../contributor/index.ts'

/** Counts a consumer's attempts. */
export function consumerObserver(registry: Registry): ConsumerObserver {
  const attempts = new Counter({
    name: 'lobstah_consumer_attempts_total',
    help: 'Attempts to ask a contributor, by path: local, direct or relayed.',
    labelNames: ['path'],
    registers: [registry]
  })
  const failovers = new Counter({
    name: 'lobstah_consumer_failovers_total',
    help: 'Failovers to another contributor.',
    registers: [registry]
  })
  const failures = failureCounter(registry, 'lobstah_consumer_failures_total', 'Failed attempts, by code.')
  return {
    attempted: (path) => attempts.inc({ path }),
    failedOver: () => failovers.inc(),
    failed: failures
  }
}

/** Counts a contributor's answers. */
export function contributorObserver(
  registry: Registry,
  ended?: ContributorObserver['ended']
): ContributorObserver {
  const answers = new Counter({
    name: 'lobstah_contributor_answers_total',
    help: 'Orders answered, in whole or in part.',
    registers: [registry]
  })
  const waits = new Histogram({
    name: 'lobstah_contributor_wait_seconds',
    help: 'How long requests waited for a slot, by tier.',
    labelNames: ['tier'],
    buckets: [0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800],
    registers: [registry]
  })
  const tokens = new Counter({
    name: 'lobstah_contributor_completion_tokens_total',
    help: 'Completion tokens generated for others.',
    registers: [registry]
  })
  const failures = failureCounter(
    registry,
    'lobstah_contributor_failures_total',
    'Orders refused or failed, by code.'
  )
  return {
    started: (tier, waitedMs) => waits.observe({ tier }, waitedMs / 1000),
    served: (completionTokens) => {
      answers.inc()
      tokens.inc(completionTokens)
    },
    failed: failures,
    ...(ended === undefined ? {} : { ended })
  }
}

/** Counts a ledger's transactions and the appends in each. */
export function ledgerObserver(registry: Registry): (appends: number) => void {
  const total = new Counter({
    name: 'lobstah_ledger_appends_total',
    help: 'Appends written to the ledger.',
    registers: [registry]
  })
  const groups = new Histogram({
    name: 'lobstah_ledger_group_appends',
    help: 'Appends per ledger transaction.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 500, 1000],
    registers: [registry]
  })
  return (appends) => {
    total.inc(appends)
    groups.observe(appends)
  }
}

/** Peers may send any code, so unknown ones share one label. */
function failureCounter(registry: Registry, name: string, help: string): (code: string) => void {
  const counter = new Counter({ name, help, labelNames: ['code'], registers: [registry] })
  return (code) => counter.inc({ code: WIRE_ERRORS_BY_CODE.has(code) ? code : 'other' })
}
