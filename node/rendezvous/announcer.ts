import { setTimeout as delay } from 'node:timers/promises'
import type { Logger, Startable } from '@libp2p/interface'
import type { Contact } from '../../protocols/presence/index.ts'
import type { Board } from './board.ts'
import {
  CHANGE_CHECK_MS,
  FIRST_WAIT_MS,
  LONGEST_WAIT_MS,
  MIN_ANNOUNCE_MS,
  WITHDRAW_TIMEOUT_MS
} from './constants.ts'

export interface AnnouncerInit {
  boards: readonly Board[]
  /** The presence to announce now; undefined while there is none. */
  contact: () => Contact | undefined
  /** Shortest time between two announcements at one place, in milliseconds. @default 10 s */
  minAnnounceMs?: number
}

/** Keeps this node announced: again after half of the granted time and after a change, no more once it stops. */
export class Announcer implements Startable {
  readonly #init: AnnouncerInit
  readonly #log: Logger
  #stopped: AbortController | undefined
  #loops: Promise<void>[] = []

  constructor(init: AnnouncerInit, { log }: { log: Logger }) {
    this.#init = init
    this.#log = log
  }

  start(): void {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#loops = this.#init.boards.map((board) => this.#keep(board, signal))
  }

  async stop(): Promise<void> {
    this.#stopped?.abort()
    await Promise.all(this.#loops)
    this.#loops = []
    this.#stopped = undefined
  }

  async #keep(board: Board, signal: AbortSignal): Promise<void> {
    let tried = false
    let failures = 0
    const stopped = (): boolean => signal.aborted
    while (!stopped()) {
      const contact = this.#init.contact()
      if (contact === undefined) {
        await pause(CHANGE_CHECK_MS, signal)
        continue
      }
      tried = true
      try {
        const ttlMs = await board.publish(contact, { signal })
        failures = 0
        await this.#unchanged(contact, ttlMs / 2, signal)
      } catch (err) {
        if (stopped()) break
        const wait = Math.min(FIRST_WAIT_MS * 2 ** failures++, LONGEST_WAIT_MS)
        if (failures === 1) this.#log.error('not announced, next try in %d ms - %e', wait, err)
        else this.#log('not announced, next try in %d ms - %e', wait, err)
        await pause(wait * (0.5 + Math.random() / 2), signal)
      }
    }
    if (!tried) return
    try {
      await board.withdraw({ signal: AbortSignal.timeout(WITHDRAW_TIMEOUT_MS) })
    } catch (err) {
      this.#log('not withdrawn from %s - %e', board.name, err)
    }
  }

  /** Resolves after a time, or when something else is to be announced. */
  async #unchanged(contact: Contact, ms: number, signal: AbortSignal): Promise<void> {
    const { minAnnounceMs = MIN_ANNOUNCE_MS } = this.#init
    const said = JSON.stringify(contact)
    const from = performance.now()
    await pause(minAnnounceMs, signal)
    while (!signal.aborted && performance.now() - from < ms) {
      const now = this.#init.contact()
      if (now !== undefined && JSON.stringify(now) !== said) return
      await pause(CHANGE_CHECK_MS, signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
