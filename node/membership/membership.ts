import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { MembershipError } from './errors.ts'

/** Bytes of a private mesh's key. */
export const KEY_BYTES = 32

/** Longest name of a mesh, in letters. */
const MAX_NAME_LENGTH = 60

const bootstrapAddress = z.string().refine(endsInPeer, { error: 'must end in /p2p/<peer id>' })

/** What mesh.json holds. */
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
  bootstrap: z.array(bootstrapAddress).max(64)
})

/** The mesh that a home belongs to. */
export type Membership = z.infer<typeof membershipSchema>

/** A new private mesh. Throws MembershipError when the name cannot be one. */
export function createMembership(name: string, bootstrap: readonly string[]): Membership {
  const parsed = membershipSchema.safeParse({
    name,
    key: randomBytes(KEY_BYTES).toString('base64url'),
    bootstrap
  })
  if (parsed.success) return parsed.data
  throw new MembershipError(
    `A mesh's name is up to ${MAX_NAME_LENGTH} letters, digits, spaces, dots, dashes and underscores`
  )
}

/** The pre-shared key in the form that libp2p's connection protector takes. */
export function protectorKey({ key }: Membership): Uint8Array | undefined {
  if (key === undefined) return undefined
  const hex = Buffer.from(key, 'base64url').toString('hex')
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${hex}`)
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
