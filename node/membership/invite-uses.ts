import { readFile } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { MembershipError } from './errors.ts'

const schema = z.record(z.string(), z.array(z.string()))

/** Counts who has joined by which invite, in a file of its own: a count must outlast a restart. */
export class InviteUses {
  readonly #file: string
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
  }

  /** Takes one of `limit` uses (0: any number) for a peer; a peer that has one already takes no other. */
  async take(invite: string, peer: string, limit: number): Promise<boolean> {
    const taken = this.#turn.then(async () => {
      const uses = await this.read()
      const peers = uses[invite] ?? []
      if (peers.includes(peer)) return true
      if (limit > 0 && peers.length >= limit) return false
      const text = `${JSON.stringify({ ...uses, [invite]: [...peers, peer] }, null, 2)}\n`
      await writeFileAtomic(this.#file, text, { mode: 0o600 })
      return true
    })
    this.#turn = taken.catch(() => undefined)
    return await taken
  }

  /** The peers that have joined, by invite id. Throws MembershipError. */
  async read(): Promise<Record<string, string[]>> {
    try {
      return schema.parse(JSON.parse(await readFile(this.#file, 'utf8')))
    } catch (err) {
      if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return {}
      throw new MembershipError(`${this.#file} cannot be read: invites cannot be counted without it`, {
        cause: err
      })
    }
  }
}
