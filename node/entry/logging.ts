import { defaultLogger } from '@libp2p/logger'
import type { ComponentLogger, Logger } from '@libp2p/interface'
import pino from 'pino'
import pretty from 'pino-pretty'
import type { GatewayLogger } from '../../http-gateway/index.ts'
import { rotatingLog } from './log-file.ts'
import type { RecentLine, RecentLog } from './recent-log.ts'
import { cleanJson, cleanLine, cleanText } from './terminal-text.ts'

export interface LoggingInit {
  /** `silent`, `error`, `warn`, `info`, `debug` or `trace`. */
  level: string
  /** One JSON object a line instead of text. */
  json: boolean
  /** Takes the log instead of stderr. */
  file?: string | undefined
  /** Where the latest lines are kept for the dashboard. @default nowhere */
  recent?: RecentLog
}

/** Where all parts of the node write, on stderr: stdout is for what a command answers. */
export interface Logging {
  components: ComponentLogger
  gateway: GatewayLogger
}

/** Sets the log up. `DEBUG=libp2p:*` shows libp2p's own log beside it. */
export function logging(init: LoggingInit): Logging {
  const file = init.file === undefined ? undefined : rotatingLog(init.file)
  const stream = init.json
    ? (file ?? pino.destination({ fd: 2, sync: true }))
    : pretty({
        destination: file ?? 2,
        ...(file === undefined ? {} : { colorize: false }),
        sync: true,
        ignore: 'pid,hostname,component',
        messageFormat: '{component}: {msg}'
      })
  const root = pino(
    { level: init.level, hooks: { streamWrite: (entry) => cleanEntry(entry, init.recent) } },
    stream
  )
  const gateway = root.child({ component: 'gateway' })
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: Record<string, unknown> = {}): void =>
      gateway[level](fields, message)
  return {
    components: { forComponent: (name) => adapt(root, name) },
    gateway: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  }
}

/**
 * An entry, as JSON, in which nothing acts on a terminal. Much of it is what peers said, which must not begin a line of
 * its own either: it would pass for what this node says. Only stacks have lines.
 */
function cleanEntry(entry: string, recent?: RecentLog): string {
  const parsed = JSON.parse(entry) as Record<string, unknown>
  const cleaned = JSON.stringify(parsed, (key, value: unknown) => {
    if (typeof value !== 'string') return value
    return key === 'stack' ? cleanText(value) : cleanLine(value)
  })
  recent?.add(recentLine(JSON.parse(cleaned) as Record<string, unknown>))
  return `${cleanJson(cleaned)}\n`
}

/** Fields of every entry, and those that are too long to be shown. */
const OWN_FIELDS = new Set(['time', 'level', 'component', 'msg', 'pid', 'hostname', 'stack'])

/** An entry as the dashboard shows it; its further fields stand behind the message. */
function recentLine(entry: Record<string, unknown>): RecentLine {
  const { time, level, component, msg } = entry
  const fields = Object.entries(entry)
    .filter(([name]) => !OWN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${String(value)}`)
  return {
    at: Number(time),
    level: pino.levels.labels[Number(level)] ?? 'info',
    component: String(component),
    message: [String(msg), ...fields].join(' ')
  }
}

function adapt(root: pino.Logger, name: string): Logger {
  if (!name.startsWith('lobstah:')) return defaultLogger().forComponent(name)
  const child = root.child({ component: name.slice('lobstah:'.length) })
  const log = (format: string, ...args: unknown[]): void => child.info(fill(format, args))
  return Object.assign(log, {
    enabled: child.isLevelEnabled('info'),
    // libp2p logs these as errors, but the node goes on, so here they are warnings.
    error: (format: string, ...args: unknown[]) => child.warn(fill(format, args)),
    trace: (format: string, ...args: unknown[]) => child.trace(fill(format, args)),
    newScope: (scope: string) => adapt(root, `${name}:${scope}`)
  }) as Logger
}

/** libp2p's format: `%e` is an error, of which the message is enough; all others print as they are. */
function fill(format: string, args: unknown[]): string {
  const rest = [...args]
  return format.replace(/%[a-zA-Z]/g, () => {
    const value = rest.shift()
    return value instanceof Error ? value.message : String(value)
  })
}
