import { join } from 'node:path'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { InvalidRecordError, STATEMENT, open, openInvite, type Statement } from '../../../protocols/index.ts'
import type { Config } from '../../config/index.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import {
  InviteUses,
  isOwned,
  newMeshKey,
  readMembership,
  readOwnerFile,
  speak,
  type Change,
  type OwnedMembership
} from '../../membership/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { ownerKey, usesFile } from '../mesh-authority.ts'
import type { Output } from '../output.ts'

const EFFECT = 'A node running on this home tells the others within a second.'

/** Prints who may do what in the mesh, and who joined by invites that this home redeemed. */
export async function listMembers(config: Config, output: Output): Promise<void> {
  const membership = await owned(config)
  const said = await statements(config.home, membership)
  const joined = Object.entries(await new InviteUses(usesFile(config.home)).read())
  const listed = (pick: (statement: Statement) => string[]): string[] => [...new Set(said.flatMap(pick))]
  const facts = {
    mesh: membership.name,
    owners: [membership.owner, ...listed(({ owners }) => owners)],
    admitters: listed(({ admitters }) => admitters),
    joined: joined.flatMap(([invite, peers]) => peers.map((peer) => ({ peer, invite }))),
    removed: listed(({ removed }) => removed),
    revokedInvites: listed(({ revokedInvites }) => revokedInvites)
  }
  output.result(facts, () =>
    [
      ...facts.owners.map((peer) => `${peer}  owner`),
      ...facts.admitters.map((peer) => `${peer}  admits members`),
      ...facts.joined.map(({ peer, invite }) => `${peer}  joined by invite ${invite}`),
      ...facts.removed.map((peer) => `${peer}  removed`)
    ].join('\n')
  )
}

/** Removes a member: no node of the mesh has to do with it any more. */
export async function removeMember(config: Config, peer: string, output: Output): Promise<void> {
  await say(config, ({ removed }) => ({ removed: [...new Set([...removed, peer])] }))
  output.result({ removed: peer }, () => `${peer} is removed. ${EFFECT}`)
}

/** Lets a removed member join again, by an invite or the certificate that it has. */
export async function restoreMember(config: Config, peer: string, output: Output): Promise<void> {
  await say(config, ({ removed }) => ({ removed: removed.filter((other) => other !== peer) }))
  output.result({ restored: peer }, () => `${peer} may be a member again. ${EFFECT}`)
}

/** Lets a member own the mesh too, or let others in. */
export async function promoteMember(
  config: Config,
  peer: string,
  { owner = false }: { owner?: boolean },
  output: Output
): Promise<void> {
  const office = owner ? 'owners' : 'admitters'
  await say(config, (before) => ({ [office]: [...new Set([...before[office], peer])] }))
  output.result(
    { [office]: peer },
    () => `${peer} ${owner ? 'is an owner' : 'may let members in'}. ${EFFECT}`
  )
}

/** Replaces the mesh's pre-shared key. */
export async function rotateKey(config: Config, output: Output): Promise<void> {
  const { epoch } = await say(config, () => ({}), newMeshKey())
  output.result({ epoch }, () => `The mesh has key number ${epoch}. ${EFFECT}`)
}

/** Revokes an invite, by its id or as a whole: nobody joins by it any more. */
export async function revokeInvite(config: Config, invite: string, output: Output): Promise<void> {
  const { owner, name } = await owned(config)
  const id = /^[\w-]{22}$/.test(invite) ? invite : idOf(invite, owner, name)
  await say(config, ({ revokedInvites }) => ({ revokedInvites: [...new Set([...revokedInvites, id])] }))
  output.result({ revoked: id }, () => `The invite ${id} is revoked. ${EFFECT}`)
}

function idOf(text: string, owner: string, name: string): string {
  try {
    const { id, mesh } = openInvite(text.replaceAll(/\s/g, ''))
    if (mesh === owner) return id
  } catch (cause) {
    throw new CommandError('Expected the id of an invite, or a whole invite', EXIT.usage, { cause })
  }
  throw new CommandError(`That invite is not for the mesh "${name}"`, EXIT.usage)
}

async function owned({ home }: Config): Promise<OwnedMembership> {
  const membership = await readMembership(home)
  if (isOwned(membership)) return membership
  throw new CommandError(
    'This home belongs to no mesh with an owner. Make one: lobstah-node invite --name <name>',
    EXIT.usage
  )
}

async function statements(home: string, membership: OwnedMembership): Promise<Statement[]> {
  const own = await readOwnerFile(home)
  const records = [...(membership.statements ?? []), ...(own === undefined ? [] : [own.statement])]
  return await Promise.all(records.map((record) => open(STATEMENT, record)))
}

/** Makes a statement with the owner's key of this home. Throws CommandError where this home is no owner's. */
async function say(config: Config, change: Change, key?: string): Promise<Statement> {
  const membership = await owned(config)
  const signer = await signerOf(config.home, membership)
  try {
    return await speak(config.home, membership, signer, change, key)
  } catch (err) {
    if (!(err instanceof Error) || (err.name !== 'ZodError' && !(err instanceof InvalidRecordError)))
      throw err
    throw new CommandError('This is not a peer id or an invite, or the list is full', EXIT.usage, {
      cause: err
    })
  }
}

async function signerOf(home: string, membership: OwnedMembership): Promise<PrivateKey> {
  const root = await ownerKey(home)
  if (root !== undefined) return root
  const { privateKey } = await loadOrCreateIdentity(join(home, 'identity.key'))
  const said = await statements(home, membership)
  if (said.some(({ owners }) => owners.includes(peerIdFromPrivateKey(privateKey).toString())))
    return privateKey
  throw new CommandError(
    `Only owners can change the mesh "${membership.name}": run this on the home that has owner.key`,
    EXIT.usage
  )
}
