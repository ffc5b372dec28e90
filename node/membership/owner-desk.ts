import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { STATEMENT, open, seal, sha256, signedRecord, type Statement } from '../../protocols/index.ts'
import type { OwnedMembership } from './authority.ts'
import { MembershipError } from './errors.ts'
import { KEY_BYTES } from './membership.ts'

const schema = z.object({ statement: signedRecord, key: z.string().optional() })

/** An owner's latest statement, and the key that it rotated to. A running node on the home takes it up. */
export type OwnerFile = z.infer<typeof schema>

/** Where an owner's statement is kept. */
export function ownerFileOf(home: string): string {
  return join(home, 'owner.json')
}

/** The owner's statement of a home; undefined where it made none. Throws MembershipError. */
export async function readOwnerFile(home: string): Promise<OwnerFile | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(ownerFileOf(home), 'utf8')))
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    throw new MembershipError(`${ownerFileOf(home)} cannot be read`, { cause: err })
  }
}

/** The changes that an owner can make. */
export type Change = (before: Statement) => Partial<Statement>

/** Makes an owner's next statement and keeps it. Throws MembershipError. */
export async function speak(
  home: string,
  membership: OwnedMembership,
  privateKey: PrivateKey,
  change: Change,
  key?: string
): Promise<Statement> {
  const issuer = peerIdFromPrivateKey(privateKey).toString()
  const kept = await readOwnerFile(home)
  const own = await latest(issuer, [...(membership.statements ?? []), ...(kept ? [kept.statement] : [])])
  const { epoch = 0 } = membership
  const before: Statement = own ?? {
    mesh: membership.owner,
    issuer,
    version: 0,
    issuedAt: 0,
    owners: [],
    admitters: [],
    removed: [],
    revokedInvites: [],
    epoch,
    keyHash: sha256(Buffer.from(membership.key, 'base64url'))
  }
  const after = {
    ...before,
    ...change(before),
    version: before.version + 1,
    issuedAt: Date.now(),
    ...(key === undefined
      ? {}
      : { epoch: Math.max(before.epoch, epoch) + 1, keyHash: sha256(Buffer.from(key, 'base64url')) })
  }
  const statement = await seal(STATEMENT, STATEMENT.schema.parse(after), privateKey)
  const file: OwnerFile = { statement, ...((key ?? kept?.key) ? { key: key ?? kept?.key } : {}) }
  await writeFileAtomic(ownerFileOf(home), `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  return after
}

/** A new pre-shared key. */
export function newMeshKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url')
}

async function latest(
  issuer: string,
  records: readonly z.infer<typeof signedRecord>[]
): Promise<Statement | undefined> {
  const statements = await Promise.all(
    records.map((record) => open(STATEMENT, record, issuer).catch(() => undefined))
  )
  return statements
    .filter((statement) => statement !== undefined)
    .toSorted((a, b) => b.version - a.version)[0]
}
