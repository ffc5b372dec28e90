import type { PrivateKey } from '@libp2p/interface'
import {
  ANNOUNCEMENT,
  ANNOUNCEMENT_INTERVAL_MS,
  ANNOUNCEMENT_MIN_INTERVAL_MS,
  ANNOUNCEMENT_TTL_MS,
  seal,
  type AnnouncementSource,
  type OfferedModel,
  type SignedRecord
} from '../../../protocols/index.ts'

/** Announcements of a contributor. */
export interface Offer {
  models: OfferedModel[]
  slots: number
  active: number
  queued: number
}

export interface AnnouncerComponents {
  peer: string
  privateKey: PrivateKey
  agent: string
  now: () => number
}

/** Signs what this contributor offers, and hands it to all subscribers: at once when they come, and at each change. */
export class Announcer implements AnnouncementSource {
  readonly #offer: () => Offer
  readonly #components: AnnouncerComponents
  #latest: SignedRecord | undefined
  /** Grows over restarts too, as long as the clock does. */
  #sequence = 0
  /** Each wakes a subscription. */
  readonly #subscribers = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  /** Whether the timer is for a change, which later ones do not put off. */
  #soon = false
  #said = ''
  #saying: Promise<void> = Promise.resolve()
  #state: 'speaking' | 'ending' | 'ended' = 'speaking'

  constructor(offer: () => Offer, components: AnnouncerComponents) {
    this.#offer = offer
    this.#components = components
  }

  /** Announces now, and goes on until `end`. */
  async begin(): Promise<void> {
    this.#state = 'speaking'
    await this.#announce()
    this.#plan(ANNOUNCEMENT_INTERVAL_MS)
  }

  /** Something may have changed: announced soon, together with what changes meanwhile. */
  changed(): void {
    if (this.#latest === undefined || this.#state !== 'speaking' || this.#soon) return
    if (JSON.stringify(this.#offer()) === this.#said) return
    this.#soon = true
    this.#plan(ANNOUNCEMENT_MIN_INTERVAL_MS)
  }

  /** Says goodbye: the last announcement. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#latest === undefined || this.#state !== 'speaking') return
    this.#state = 'ending'
    this.#soon = false
    await this.#announce()
  }

  async *subscribe(signal: AbortSignal): AsyncGenerator<SignedRecord> {
    let sent: SignedRecord | undefined
    // A new one each time: what waits for one that lasts as long as the connection would pile up behind it.
    let news = Promise.withResolvers<void>()
    const wake = (): void => news.resolve()
    this.#subscribers.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted) {
        news = Promise.withResolvers()
        if (this.#latest !== undefined && this.#latest !== sent) {
          sent = this.#latest
          yield sent
          continue
        }
        if (this.#state === 'ended') return
        await news.promise
      }
    } finally {
      this.#subscribers.delete(wake)
      signal.removeEventListener('abort', wake)
    }
  }

  #plan(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#soon = false
      void this.#announce().then(() => {
        if (this.#state === 'speaking' && !this.#soon) this.#plan(ANNOUNCEMENT_INTERVAL_MS)
      })
    }, delayMs)
    this.#timer.unref()
  }

  /** One after another: what is asked for last is said last. */
  async #announce(): Promise<void> {
    this.#saying = this.#saying.then(() => this.#say())
    await this.#saying
  }

  async #say(): Promise<void> {
    // Asked for just before the end, it has said goodbye already.
    if (this.#state === 'ended') return
    const { peer, privateKey, agent, now } = this.#components
    const last = this.#state === 'ending'
    const offer = last ? { ...this.#offer(), models: [], leaving: true } : this.#offer()
    const issuedAt = now()
    this.#sequence = Math.max(this.#sequence + 1, issuedAt)
    this.#said = JSON.stringify(offer)
    const announcement = {
      peer,
      sequence: this.#sequence,
      issuedAt,
      expiresAt: issuedAt + ANNOUNCEMENT_TTL_MS,
      agent,
      ...offer
    }
    this.#latest = await seal(ANNOUNCEMENT, announcement, privateKey)
    if (last) this.#state = 'ended'
    for (const wake of this.#subscribers) wake()
  }
}
