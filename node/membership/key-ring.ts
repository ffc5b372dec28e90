import { randomBytes } from 'node:crypto'
import xsalsa20, { type XSalsa20 } from 'xsalsa20'
import type { AbortOptions, ConnectionProtector, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream, type SendResult } from '@libp2p/utils'
import { MembershipError } from './errors.ts'

const NONCE_BYTES = 24

/** How a dialler begins on every connection: it proposes multistream-select, whatever follows. */
const OPENING = Buffer.from('\u0013/multistream/1.0.0\n')

/** Most addresses whose key is remembered. */
const MAX_REMEMBERED = 1000

/**
 * libp2p's pre-shared key, with keys that were replaced: who listens takes the one that the dialler uses, who dials
 * takes the latest, and where that did not open an address, the next one at the next dial. On the wire it is libp2p's
 * own protector: `protocols/membership/README.md`.
 */
export class KeyRing implements ConnectionProtector {
  readonly #keys: () => readonly Uint8Array[]
  /** Which key to try next at an address that the latest did not open. */
  readonly #tried = new Map<string, number>()

  /** `keys` gives the latest first. */
  constructor(keys: () => readonly Uint8Array[]) {
    this.#keys = keys
  }

  async protect(connection: MultiaddrConnection, options?: AbortOptions): Promise<MultiaddrConnection> {
    const signal = options?.signal ?? AbortSignal.timeout(5000)
    const bytes = byteStream(connection)
    const localNonce = randomBytes(NONCE_BYTES)
    const [remoteNonce] = await Promise.all([
      bytes.read({ bytes: NONCE_BYTES, signal }),
      bytes.write(localNonce, { signal })
    ])
    const nonces = { local: localNonce, remote: remoteNonce.subarray() }
    const keys = this.#keys()
    if (connection.direction === 'outbound') {
      const address = connection.remoteAddr.toString()
      const key = keys[(this.#tried.get(address) ?? 0) % keys.length]
      if (key === undefined) throw new MembershipError('There is no key of the mesh')
      const maConn = bytes.unwrap()
      this.#watch(address)
      return new Boxed(maConn, key, nonces, { onData: () => this.#tried.delete(address) })
    }
    const opening = (await bytes.read({ bytes: OPENING.length, signal })).subarray()
    const key = keys.find((candidate) => OPENING.equals(xsalsa20(nonces.remote, candidate).update(opening)))
    if (key === undefined) throw new MembershipError('The peer has no key of this mesh')
    return new Boxed(bytes.unwrap(), key, nonces, { read: opening })
  }

  /** The next key's turn, unless something is heard. */
  #watch(address: string): void {
    const [oldest] = this.#tried.keys()
    if (this.#tried.size >= MAX_REMEMBERED && oldest !== undefined) this.#tried.delete(oldest)
    this.#tried.set(address, (this.#tried.get(address) ?? 0) + 1)
  }
}

interface BoxedInit {
  /** Bytes read so far, encrypted. */
  read?: Uint8Array
  /** Called once the peer was heard. */
  onData?: () => void
}

/** A connection whose bytes are encrypted by XSalsa20, each direction under its sender's nonce. */
class Boxed extends AbstractMultiaddrConnection {
  readonly #maConn: MultiaddrConnection
  readonly #outbound: XSalsa20

  constructor(
    maConn: MultiaddrConnection,
    key: Uint8Array,
    nonces: { local: Uint8Array; remote: Uint8Array },
    { read, onData }: BoxedInit
  ) {
    super({
      log: maConn.log.newScope('key-ring'),
      remoteAddr: maConn.remoteAddr,
      direction: maConn.direction
    })
    this.#maConn = maConn
    this.#outbound = xsalsa20(nonces.local, key)
    const inbound = xsalsa20(nonces.remote, key)
    if (read !== undefined) this.onData(inbound.update(read))
    let heard = onData
    maConn.addEventListener('message', ({ data }) => {
      heard?.()
      heard = undefined
      for (const part of data instanceof Uint8Array ? [data] : data) this.onData(inbound.update(part))
    })
    maConn.addEventListener('drain', () => this.onMuxerDrain())
    maConn.addEventListener('close', (event) => {
      if (event.error === undefined) this.onTransportClosed()
      else if (event.local === true) this.abort(event.error)
      else this.onRemoteReset()
    })
  }

  async sendClose(options?: AbortOptions): Promise<void> {
    await this.#maConn.close(options)
  }

  sendData(data: { subarray(): Uint8Array; byteLength: number }): SendResult {
    return {
      sentBytes: data.byteLength,
      canSendMore: this.#maConn.send(this.#outbound.update(data.subarray()))
    }
  }

  sendReset(err: Error): void {
    this.#maConn.abort(err)
  }

  sendPause(): void {
    this.#maConn.pause()
  }

  sendResume(): void {
    this.#maConn.resume()
  }
}
