import type {
  Connection,
  Logger,
  Startable,
  Stream,
  StreamHandler,
  StreamHandlerOptions
} from '@libp2p/interface'
import {
  ADMISSION_TIMEOUT_MS,
  Exchange,
  InvalidFrameError,
  MEMBERSHIP_PROTOCOL,
  NotAllowedError,
  membershipFrame,
  toLobstahError,
  type MembershipFrame,
  type Received
} from '../../protocols/index.ts'
import type { Authority } from './authority.ts'

/** Protocols that a peer may speak before it has proved to be a member. */
const OPEN = new Set(['/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/ping/1.0.0', MEMBERSHIP_PROTOCOL])

interface Registrar {
  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void>
}

/** The parts of libp2p's own components that a gate stands in front of. */
export interface GateComponents {
  registrar: Registrar
  events: {
    addEventListener(type: 'connection:open', listener: (event: CustomEvent<Connection>) => void): void
  }
  logger: { forComponent(name: string): Logger }
}

type MembershipExchange = Exchange<MembershipFrame, MembershipFrame>

interface Admission {
  admitted: PromiseWithResolvers<void>
  exchange?: MembershipExchange
  timer: NodeJS.Timeout
}

/**
 * Lets nothing of ours pass on a connection, in or out, before the peer at its other end has proved to be a member;
 * closes it when the peer does not, or is a member no more. A libp2p service that has to come before all others.
 */
export class Gate implements Startable {
  readonly #authority: Authority
  readonly #log: Logger
  readonly #handle: Registrar['handle']
  readonly #admissions = new Map<Connection, Admission>()
  #unwatch: (() => void) | undefined

  constructor(authority: Authority, { registrar, events, logger }: GateComponents) {
    this.#authority = authority
    this.#log = logger.forComponent('lobstah:membership')
    this.#handle = registrar.handle.bind(registrar)
    registrar.handle = (protocol, handler, options) =>
      this.#handle(protocol, OPEN.has(protocol) ? handler : this.#guarded(handler), options)
    events.addEventListener('connection:open', ({ detail }) => this.#onOpen(detail))
  }

  async start(): Promise<void> {
    const options = { runOnLimitedConnection: true, maxInboundStreams: 2 }
    await this.#handle(
      MEMBERSHIP_PROTOCOL,
      (stream, connection) => this.#onStream(stream, connection),
      options
    )
    this.#unwatch ??= this.#authority.onChange(() => this.#onChange())
  }

  stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #guarded(handler: StreamHandler): StreamHandler {
    return async (stream, connection) => {
      try {
        await this.#admission(connection).admitted.promise
      } catch (err) {
        stream.abort(toLobstahError(err))
        return
      }
      await handler(stream, connection)
    }
  }

  #onOpen(connection: Connection): void {
    const { admitted } = this.#admission(connection)
    const newStream = connection.newStream.bind(connection)
    connection.newStream = async (protocols, options) => {
      if (![protocols].flat().every((protocol) => OPEN.has(protocol))) await admitted.promise
      return await newStream(protocols, options)
    }
    connection.addEventListener('close', () => this.#forget(connection))
    if (connection.direction === 'outbound') void this.#introduce(connection)
  }

  #admission(connection: Connection): Admission {
    const known = this.#admissions.get(connection)
    if (known !== undefined) return known
    const admitted = Promise.withResolvers<void>()
    admitted.promise.catch(() => undefined)
    const late = (): void =>
      this.#refuse(connection, new NotAllowedError('The peer did not prove its membership'))
    const admission = { admitted, timer: setTimeout(late, ADMISSION_TIMEOUT_MS).unref() }
    this.#admissions.set(connection, admission)
    return admission
  }

  /** The dialler's part. */
  async #introduce(connection: Connection): Promise<void> {
    let exchange: MembershipExchange | undefined
    try {
      const signal = AbortSignal.timeout(ADMISSION_TIMEOUT_MS)
      const stream = await connection.newStream(MEMBERSHIP_PROTOCOL, { signal, runOnLimitedConnection: true })
      exchange = new Exchange<MembershipFrame, MembershipFrame>(stream, membershipFrame)
      const { certificate, invite } = this.#authority
      await exchange.send(this.#hello())
      if (certificate === undefined) {
        if (invite === undefined) throw new NotAllowedError('This node has no invite to redeem')
        await exchange.send({ type: 'redeem', invite })
        const frame = await next(exchange, 'admitted')
        const hello = await next(exchange, 'hello')
        await this.#meet(connection, exchange, hello)
        await this.#authority.admitted(frame.certificate)
      } else await this.#meet(connection, exchange, await next(exchange, 'hello'))
      await this.#follow(connection, exchange)
    } catch (err) {
      this.#end(connection, exchange, err)
    }
  }

  /** The listener's part. */
  async #onStream(stream: Stream, connection: Connection): Promise<void> {
    const exchange: MembershipExchange = new Exchange<MembershipFrame, MembershipFrame>(
      stream,
      membershipFrame
    )
    const member = connection.remotePeer.toString()
    try {
      if (connection.direction === 'outbound') throw new InvalidFrameError('The dialler introduces itself')
      const hello = await next(exchange, 'hello')
      let { certificate } = hello
      if (certificate === undefined) {
        const { invite } = await next(exchange, 'redeem')
        certificate = await this.#authority.redeem(invite, member)
        await exchange.send({ type: 'admitted', certificate })
      }
      if (this.#authority.certificate === undefined)
        throw new NotAllowedError('This node is not a member itself yet')
      if (hello.authority !== undefined) await this.#authority.update([hello.authority])
      await this.#authority.judge(certificate, member)
      await exchange.send(this.#hello())
      await this.#welcome(connection, exchange, hello.epoch)
      await this.#follow(connection, exchange)
    } catch (err) {
      this.#end(connection, exchange, err)
    }
  }

  #hello(): MembershipFrame {
    const { certificate, root, epoch } = this.#authority
    return {
      type: 'hello',
      epoch,
      ...(certificate === undefined ? {} : { certificate }),
      ...(root === undefined || certificate === undefined ? {} : { authority: root })
    }
  }

  async #meet(
    connection: Connection,
    exchange: MembershipExchange,
    hello: Extract<MembershipFrame, { type: 'hello' }>
  ): Promise<void> {
    if (hello.certificate === undefined) throw new NotAllowedError('The peer has no certificate')
    if (hello.authority !== undefined) await this.#authority.update([hello.authority])
    await this.#authority.judge(hello.certificate, connection.remotePeer.toString())
    await this.#welcome(connection, exchange, hello.epoch)
  }

  async #welcome(connection: Connection, exchange: MembershipExchange, epoch: number): Promise<void> {
    await exchange.send(this.#update(epoch))
    const admission = this.#admission(connection)
    admission.exchange = exchange
    clearTimeout(admission.timer)
    admission.admitted.resolve()
  }

  #update(epoch: number): MembershipFrame {
    const [key] = this.#authority.keys
    const statements = this.#authority.statements
    return {
      type: 'update',
      statements,
      ...(key === undefined || epoch >= this.#authority.epoch ? {} : { key })
    }
  }

  /** Takes what the peer tells for as long as the connection is open. */
  async #follow(connection: Connection, exchange: MembershipExchange): Promise<void> {
    while (connection.status === 'open') {
      const { frame } = await exchange.read()
      if (frame.type !== 'update') throw new InvalidFrameError(`Expected update, got ${frame.type}`)
      await this.#authority.update(frame.statements, frame.key)
    }
  }

  /** Tells all members what is new, and lets go of those who are none any more. */
  #onChange(): void {
    for (const [connection, { exchange }] of this.#admissions) {
      if (this.#authority.isRemoved(connection.remotePeer.toString()))
        this.#refuse(connection, new NotAllowedError('This peer is no member any more'))
      else exchange?.send(this.#update(-1)).catch(() => undefined)
    }
  }

  #end(connection: Connection, exchange: MembershipExchange | undefined, err: unknown): void {
    if (connection.status !== 'open') return
    this.#refuse(connection, toLobstahError(err), exchange)
  }

  #refuse(
    connection: Connection,
    reason: Error,
    exchange = this.#admissions.get(connection)?.exchange
  ): void {
    this.#log('%p is not admitted: %s', connection.remotePeer, reason.message)
    const admission = this.#admissions.get(connection)
    admission?.admitted.reject(reason)
    clearTimeout(admission?.timer)
    // From here on nothing passes, be it that the peer reads the reason slowly.
    for (const stream of connection.streams)
      if (stream !== exchange?.frames.stream && !OPEN.has(stream.protocol)) stream.abort(reason)
    const refused = Promise.withResolvers<void>()
    refused.promise.catch(() => undefined)
    refused.reject(reason)
    this.#admissions.set(connection, { admitted: refused, timer: setTimeout(() => undefined, 0) })
    const told = exchange?.fail(toLobstahError(reason)) ?? Promise.resolve()
    void told.finally(() => connection.abort(reason))
  }

  #forget(connection: Connection): void {
    const admission = this.#admissions.get(connection)
    clearTimeout(admission?.timer)
    admission?.admitted.reject(new NotAllowedError('The connection is closed'))
    this.#admissions.delete(connection)
  }
}

/** The next frame, which has to be of this type. */
async function next<T extends 'hello' | 'redeem' | 'admitted'>(
  exchange: MembershipExchange,
  type: T
): Promise<Extract<MembershipFrame, { type: T }>> {
  const { frame }: Received<MembershipFrame> = await exchange.read({ timeoutMs: ADMISSION_TIMEOUT_MS })
  if (frame.type !== type) throw new InvalidFrameError(`Expected ${type}, got ${frame.type}`)
  return frame as Extract<MembershipFrame, { type: T }>
}

/** The gate as a libp2p service. */
export function gate(authority: Authority): (components: GateComponents) => Gate {
  return (components) => new Gate(authority, components)
}
