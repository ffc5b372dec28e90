import { randomBytes } from 'node:crypto'
import type { Connection, Libp2p, Logger, Startable, Stream } from '@libp2p/interface'
import {
  PUNCH_PROTOCOL,
  PUNCH_TIMEOUT_MS,
  TOKEN_BYTES,
  acceptPunch,
  openPunch,
  proposePunch,
  type PunchAnswer,
  type PunchOffer
} from '../../protocols/index.ts'
import type { DialPolicy } from '../addresses/index.ts'
import { MAX_ANSWERED, MAX_ANSWERED_A_MINUTE } from './constants.ts'
import type { Doors } from './doors.ts'
import { NoPathError } from './errors.ts'
import { closeEnds, gather, type Ends } from './gather.ts'
import { isRelayed, type PunchedPaths } from './path.ts'
import type { StunServers } from './stun/directory.ts'
import { seenByRelay, vouchedFor } from './vouched.ts'
import { told, Ways } from './ways.ts'

export interface PuncherInit {
  /** For whom this node takes part. */
  allows: (peer: string) => boolean
}

export interface PuncherComponents {
  libp2p: Pick<Libp2p<{ policy: DialPolicy }>, 'handle' | 'unhandle' | 'getConnections' | 'services'>
  doors: Doors
  stun: { servers(): StunServers }
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** Makes direct connections through NATs, from this side and for peers that ask: `/lobstah/punch/1.0.0`. */
export class Puncher implements Startable {
  readonly #init: PuncherInit
  readonly #components: PuncherComponents
  readonly #ways: Ways
  readonly #answering = new Map<string, Promise<void>>()
  /** When attempts of peers began, within the last minute. */
  readonly #begun = new Map<string, number[]>()
  #stopped: AbortController | undefined

  constructor(init: PuncherInit, components: PuncherComponents) {
    this.#init = init
    this.#components = components
    this.#ways = new Ways(components.doors)
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    await this.#components.libp2p.handle(PUNCH_PROTOCOL, this.#onStream, {
      runOnLimitedConnection: true,
      maxInboundStreams: 2
    })
  }

  async stop(): Promise<void> {
    if (this.#stopped === undefined) return
    await this.#components.libp2p.unhandle(PUNCH_PROTOCOL)
    this.#stopped.abort()
    await Promise.all(this.#answering.values())
    this.#ways.close()
    this.#stopped = undefined
  }

  /** Connections made so, by what libp2p takes for their remote address. */
  get paths(): PunchedPaths {
    return this.#ways.paths
  }

  /** Makes a direct connection to the peer of a relayed one. Throws NoPathError and what streams throw. */
  async initiate(relayed: Connection, options: { signal: AbortSignal }): Promise<Connection> {
    const { signal } = options
    const token = randomBytes(TOKEN_BYTES)
    const { libp2p, stun } = this.#components
    const [opened, gathered, seen] = await Promise.allSettled([
      openPunch(relayed, { signal }),
      gather(stun.servers(), { wanted: this.#ways.usable(), signal }),
      seenByRelay(libp2p, relayed, signal)
    ])
    const mine = gathered.status === 'fulfilled' ? gathered.value : {}
    try {
      if (opened.status === 'rejected') throw opened.reason
      const stream = opened.value
      try {
        const known = told(mine)
        if (Object.keys(known).length === 0) throw new NoPathError('No STUN server answers')
        const offer: PunchOffer = { type: 'offer', token: token.toString('hex'), ...known }
        const answer = await proposePunch(stream, offer, { signal })
        const theirs = this.#vouched(answer, relayed, seen.status === 'fulfilled' ? seen.value : new Set())
        const racing = AbortSignal.any([signal, AbortSignal.timeout(PUNCH_TIMEOUT_MS)])
        const init = { mine, theirs, token, signal: racing }
        const connection = await this.#ways.dial(init, relayed.remotePeer)
        await stream.close({ signal })
        return connection
      } catch (err) {
        stream.abort(err instanceof Error ? err : new NoPathError())
        throw err
      }
    } finally {
      closeEnds(mine)
    }
  }

  readonly #onStream = (stream: Stream, connection: Connection): void => {
    const peer = connection.remotePeer.toString()
    const busy = this.#answering.has(peer) || this.#answering.size >= MAX_ANSWERED
    if (busy || !isRelayed(connection) || !this.#init.allows(peer) || !this.#inTurn(peer)) {
      stream.abort(new NoPathError('Not now'))
      return
    }
    const answering = this.#answer(stream, connection)
      .catch((err: unknown) => {
        this.#components.log('no direct path for %s - %e', peer, err)
        stream.abort(err instanceof Error ? err : new NoPathError())
      })
      .finally(() => this.#answering.delete(peer))
    this.#answering.set(peer, answering)
  }

  /** Counts an attempt of a peer, unless it has begun too many within a minute. */
  #inTurn(peer: string): boolean {
    const now = this.#components.now()
    for (const [other, times] of this.#begun) {
      // A clock that was set back must lock nobody out.
      const recent = times.filter((time) => Math.abs(now - time) < 60_000)
      if (recent.length === 0) this.#begun.delete(other)
      else this.#begun.set(other, recent)
    }
    const times = this.#begun.get(peer) ?? []
    if (times.length >= MAX_ANSWERED_A_MINUTE) return false
    this.#begun.set(peer, [...times, now])
    return true
  }

  /** Filters the addresses that the other end of a circuit sent down to those that may be tried. */
  #vouched(
    told: PunchOffer | PunchAnswer,
    circuit: Connection,
    seen: ReadonlySet<string>
  ): Pick<PunchAnswer, keyof Ends> {
    return vouchedFor(told, circuit.remotePeer.toString(), seen, this.#components.libp2p.services.policy)
  }

  async #answer(stream: Stream, circuit: Connection): Promise<void> {
    const { libp2p, stun } = this.#components
    const over = new AbortController()
    const onOver = (): void => over.abort(new NoPathError('The initiator is done'))
    stream.addEventListener('close', onOver)
    const signal = AbortSignal.any([
      over.signal,
      ...(this.#stopped === undefined ? [] : [this.#stopped.signal])
    ])
    let mine: Ends = {}
    let seen: ReadonlySet<string> = new Set()
    try {
      const { offer } = await acceptPunch(
        stream,
        async (offered): Promise<PunchAnswer> => {
          const wanted = this.#ways.usable().filter((kind) => offered[kind] !== undefined)
          const asking = seenByRelay(libp2p, circuit, signal)
          mine = await gather(stun.servers(), { wanted, signal })
          seen = await asking
          return { type: 'answer', ...told(mine) }
        },
        { signal }
      )
      stream.addEventListener('end', onOver)
      if (stream.readableEnded) onOver()
      const found = await this.#ways.accept({
        mine,
        theirs: this.#vouched(offer, circuit, seen),
        token: Buffer.from(offer.token, 'hex'),
        signal: AbortSignal.any([signal, AbortSignal.timeout(PUNCH_TIMEOUT_MS)])
      })
      this.#components.log('punching for %p: %d paths found', circuit.remotePeer, found)
      await stream.close({ signal: AbortSignal.timeout(1000) })
    } finally {
      closeEnds(mine)
    }
  }
}
