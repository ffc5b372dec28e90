import type { Startable } from '@libp2p/interface'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Registry } from 'prom-client'
import type { Consumer } from '../node/consumer/index.ts'
import type { History } from '../node/history/index.ts'
import type { Ledger } from '../node/ledger/index.ts'
import type { JobStore } from '../node/jobs/index.ts'
import type { PdfReader } from './documents/index.ts'
import type { JobLimits } from './jobs/limits.ts'
import type { LimitsDesk } from './limits-desk.ts'

export interface GatewayInit {
  /**
   * Address to listen on. Any but a loopback address needs `apiKeys`.
   *
   * @default '127.0.0.1'
   */
  host?: string
  /**
   * 0 takes a free one.
   *
   * @default 17475
   */
  port?: number
  /**
   * Host names that requests may be addressed to, without port, besides loopback ones and `host` itself.
   *
   * @default []
   */
  allowedHosts?: string[]
  /**
   * Origins of web pages that may call, such as `https://chat.example`, besides loopback ones.
   *
   * @default []
   */
  allowedOrigins?: string[]
  /**
   * When there are any, every request must carry one, as a bearer token or in `x-api-key`.
   *
   * @default []
   */
  apiKeys?: string[]
  /** The file of keys that `lobstah-node keys` makes; they are wanted as `apiKeys` are. */
  keysFile?: string
  /** Where is kept what keys with a spending limit have spent today. */
  spendingFile?: string
  /** Admits the commands of the home's owner, whatever keys there are. */
  token?: string
  /** A certificate chain, PEM: with it and `keyFile` the gateway speaks HTTPS. */
  certFile?: string
  /** The certificate's private key, PEM. */
  keyFile?: string
  /** Bounds of the files and batches that are kept. */
  jobLimits?: Partial<JobLimits>
  /**
   * Milliseconds of silence on a stream after which a comment is sent.
   *
   * @default 5000
   */
  keepAliveMs?: number
  /**
   * Milliseconds between a contributor's acceptance and the 200 of a stream that has no token yet: until
   * then a failure still gets an HTTP status.
   *
   * @default 5000
   */
  firstByteMs?: number
  /**
   * Milliseconds that running answers have to finish when the gateway stops.
   *
   * @default 10000
   */
  drainMs?: number
  /**
   * Milliseconds that a client may leave its stream unread before it is cut off.
   *
   * @default 60000
   */
  stalledReaderMs?: number
  /**
   * Largest request body, in bytes.
   *
   * @default 67108864
   */
  bodyLimit?: number
  /**
   * Milliseconds that a client has to send its request's headers.
   *
   * @default 10000
   */
  headersTimeoutMs?: number
  /**
   * Milliseconds that a client has to send its whole request.
   *
   * @default 60000
   */
  requestTimeoutMs?: number
}

/** The spare capacity of this node's own engine. */
export interface Capacity {
  contributing: boolean
  /** Requests that it runs at once. */
  slots: number
  active: number
  queued: number
  /** Names of the models that it serves to others. */
  models: string[]
}

/** Where the gateway writes its log. */
export interface GatewayLogger {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

/** A connection of this node's. */
export interface Link {
  peer: string
  /** How it goes: `host`, `lan`, `direct`, `punched` or `relayed`. */
  path: string
  /** Latest round trip, in milliseconds; absent before the first was measured. */
  rttMs?: number
  /** The relay that it goes through. */
  via?: string
  /** Whether the other end relays for others, and whether this node holds a place there. */
  relay: boolean
  reserved: boolean
  direction: 'inbound' | 'outbound'
}

/** A peer's order that this node is answering. */
export interface ServedRequest {
  id: string
  consumer: string
  model: string
  phase: 'queued' | 'prefill' | 'generating'
  /** Milliseconds since 1970. */
  startedAt: number
  /** Completion tokens so far. */
  tokens: number
  /** Milliseconds since the first token. */
  decodeMs: number
}

/** Answers of the owner's commands. */
export interface CommandOutcome {
  /** The command's answer, as `--json` prints it; null where it printed none. */
  result: unknown
  /** Its further output. */
  notes: string[]
}

/** A command that the owner gives on the dashboard. */
export interface OwnerCommand {
  name: string
  argument?: string | undefined
  flags?: Record<string, string | number | boolean> | undefined
}

/** A line of the node's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  at: number
  level: string
  component: string
  message: string
}

/** Reserved to the home's owner. */
export interface OwnerDesk {
  /** Runs a command of `lobstah-node`. Throws DashboardCommandError. */
  run(command: OwnerCommand): Promise<CommandOutcome>
  /** The latest lines of the log, oldest first. */
  logs(): LogLine[]
}

export interface GatewayComponents {
  consumer: Pick<Consumer, 'models' | 'peers' | 'infer'> &
    Partial<Pick<Consumer, 'names' | 'lookUp' | 'spellings' | 'explain' | 'explained' | 'recent'>>
  ledger: Pick<Ledger, 'balance' | 'list'>
  /** This node's peer id, and its public key as base64url. */
  identity: { peer: string; publicKey: string }
  capacity: () => Capacity
  /** Whether this node joins a mesh, how many peers it is connected to, and how many have not announced themselves yet. */
  mesh: () => { joins: boolean; connected: number; meeting: number }
  /** Limits that this machine's owner sets for peers. */
  owner: LimitsDesk
  /** The multiaddrs at which this node can be reached now. */
  addresses: () => string[]
  /** Where the gateway counts; the node may count there too. @default one of its own */
  registry?: Registry
  /** The node's connections. @default none are shown */
  links?: () => Link[]
  /** Peers' orders that are being answered. @default none are shown */
  served?: { list(): ServedRequest[]; stop(id: string): boolean }
  /** Earlier requests, asked and served. @default nothing is kept */
  history?: Pick<History, 'add' | 'read'>
  isFriend?: (peer: string) => boolean
  /** The rest of the node's state, for the dashboard. */
  about?: () => { mesh?: string; engine?: string; relaying?: boolean }
  /** @default the dashboard can change nothing but requests */
  desk?: OwnerDesk
  /** Keeps files and batches; the gateway starts and stops it. @default nothing is kept */
  jobs?: JobStore
  /** Reads PDFs. @default in processes of their own */
  pdfs?: Pick<PdfReader, 'read'>
  logger: GatewayLogger
}

export interface Gateway extends Startable {
  /** Base address, such as `http://127.0.0.1:17475`. Throws GatewayNotStartedError. */
  readonly url: string
  /** Throws GatewayListenError, GatewayApiKeyRequiredError, GatewayTlsError or KeyFileError. */
  start(): Promise<void>
  /** Takes no more requests, lets running ones finish for `drainMs`, then cuts them. */
  stop(): Promise<void>
  /** Answers a request without a socket, for tests; works before `start()` too. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>
}
