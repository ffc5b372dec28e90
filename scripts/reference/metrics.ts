import { Registry, type MetricObject } from 'prom-client'
import { GatewayMetrics } from '../../http-gateway/metrics/gateway-metrics.ts'
import {
  consumerObserver,
  contributorObserver,
  ledgerObserver,
  watchBalance,
  watchCapacity,
  watchLedgerSize,
  watchLibp2p
} from '../../node/metrics/index.ts'
import { code, plain, table } from './table.ts'

/** The metrics of every part of a node. */
export async function metricsSection(): Promise<string> {
  const registry = new Registry()
  new GatewayMetrics(registry)
  consumerObserver(registry)
  contributorObserver(registry)
  watchCapacity(registry, () => ({
    slots: 0,
    active: 0,
    queued: 0,
    tiers: { interactive: 0, batch: 0, 'best-effort': 0 }
  }))
  ledgerObserver(registry)
  watchBalance(registry, { balance: () => Promise.resolve({ earned: 0, spent: 0, claimed: 0 }) })
  watchLedgerSize(registry, import.meta.filename)
  watchLibp2p(registry, { getPeers: () => [], getConnections: () => [] })
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]))
  const rows = registry
    .getMetricsAsArray()
    .map((metric: MetricObject & { labelNames?: readonly string[] }) => [
      code(metric.name),
      types.get(metric.name) ?? '',
      (metric.labelNames ?? []).map(code).join(', '),
      plain(metric.help)
    ])
  return `## Metrics

\`GET /metrics\` answers these in Prometheus' text format, besides the process metrics of [prom-client](https://github.com/siimon/prom-client#default-metrics). No label ever names a peer.

${table(['Metric', 'Type', 'Labels', 'Meaning'], rows)}`
}
