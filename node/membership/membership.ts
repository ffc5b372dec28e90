import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { signedRecord } from '../../protocols/index.ts'
import { MembershipError } from './errors.ts'

/** Bytes of a private mesh's key. */
export const KEY_BYTES = 32

/** Longest name of a mesh, in letters. */
const MAX_NAME_LENGTH = 60

const bootstrapAddress = z.string().refine(endsInPeer, { error: 'must end in /p2p/<peer id>' })

/** The content of mesh.json. */
export const membershipSchema = z.object({
  /** For people: it opens nothing. */
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u)
    .max(MAX_NAME_LENGTH),
  /** The pre-shared key of a private mesh, base64url; none in a public one. */
  key: z
    .string()
    .refine((text) => Buffer.from(text, 'base64url').length === KEY_BYTES)
    .optional(),
  /** Addresses to join by. */
  bootstrap: z.array(bootstrapAddress).max(64),
  /** The root owner's peer id, in a mesh whose members have certificates. */
  owner: z.string().optional(),
  /** This node's certificate, once its invite is redeemed. */
  certificate: signedRecord.optional(),
  /** The invite that is to be redeemed. */
  invite: z.string().optional(),
  /** The owners' statements. */
  statements: z.array(signedRecord).optional(),
  /** Number of the key. */
  epoch: z.number().int().min(0).optional(),
  /** Keys that were replaced, and until when they open connections, in milliseconds since 1970. */
  oldKeys: z.array(z.object({ key: z.string(), until: z.number() })).optional()
})

/** The mesh that a home belongs to. */
export type Membership = z.infer<typeof membershipSchema>

/** A new private mesh, of an owner where one is named. Throws MembershipError when the name cannot be one. */
export function createMembership(name: string, bootstrap: readonly string[], owner?: string): Membership {
  const parsed = membershipSchema.safeParse({
    name,
    key: randomBytes(KEY_BYTES).toString('base64url'),
    bootstrap,
    ...(owner === undefined ? {} : { owner })
  })
  if (parsed.success) return parsed.data
  throw new MembershipError(
    `A mesh's name is up to ${MAX_NAME_LENGTH} letters, digits, spaces, dots, dashes and underscores`
  )
}

/** Whether two memberships are of one mesh: of one owner, or of one key where it has none. */
export function sameMesh(a: Membership, b: Membership): boolean {
  return a.owner === undefined && b.owner === undefined ? a.key === b.key : a.owner === b.owner
}

function fileOf(home: string): string {
  return join(home, 'mesh.json')
}

/** The mesh that a home belongs to; undefined when it has joined none. Throws MembershipError. */
export async function readMembership(home: string): Promise<Membership | undefined> {
  const file = fileOf(home)
  try {
    return membershipSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    // Never taken for no mesh: that would be a public node where a private one was wanted.
    throw new MembershipError(`${file} cannot be read: join again with --replace, or leave the mesh`, {
      cause: err
    })
  }
}

/** Makes a home belong to a mesh: written as a whole, mode 0600, for it may hold the key. Throws MembershipError. */
export async function writeMembership(home: string, membership: Membership): Promise<void> {
  const file = fileOf(home)
  const temporary = `${file}.${randomUUID()}`
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(membershipSchema.parse(membership), null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (err) {
    throw new MembershipError(
      `${file} cannot be written: check the folder's permissions and the free space`,
      {
        cause: err
      }
    )
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Leaves the mesh: the key is gone from this home. */
export async function removeMembership(home: string): Promise<void> {
  await rm(fileOf(home), { force: true })
}

/** Puts a mesh.json that cannot be read beside, for it may hold the only copy of a key; returns its new path. */
export async function setAsideMembership(home: string): Promise<string> {
  const aside = `${fileOf(home)}.damaged-${randomUUID()}`
  await rename(fileOf(home), aside)
  return aside
}

function endsInPeer(text: string): boolean {
  try {
    return multiaddr(text).getComponents().at(-1)?.name === 'p2p'
  } catch {
    return false
  }
}
