import { existsSync, unwatchFile, watchFile } from 'node:fs'
import { join } from 'node:path'
import type { PrivateKey } from '@libp2p/interface'
import { loadOrCreateIdentity } from '../identity/index.ts'
import {
  Authority,
  InviteUses,
  isOwned,
  ownerFileOf,
  readOwnerFile,
  writeMembership,
  type Membership
} from '../membership/index.ts'

/** How often the owner's file is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 1000

/** The root owner's key of a home; undefined where it is kept elsewhere. */
export async function ownerKey(home: string): Promise<PrivateKey | undefined> {
  const file = join(home, 'owner.key')
  return existsSync(file) ? (await loadOrCreateIdentity(file)).privateKey : undefined
}

/** Where it is counted who joined by which invite. */
export function usesFile(home: string): string {
  return join(home, 'invite-uses.json')
}

/** Makes what a node knows of its mesh's members, and follows what an owner on this home says. */
export async function meshAuthority(
  home: string,
  membership: Membership | undefined,
  privateKey: PrivateKey
): Promise<{ authority: Authority | undefined; stop: () => void }> {
  if (!isOwned(membership)) return { authority: undefined, stop: () => undefined }
  const authority = await Authority.create(membership, {
    privateKey,
    ownerKey: await ownerKey(home),
    uses: new InviteUses(usesFile(home)),
    persist: (changed) => writeMembership(home, changed),
    now: Date.now
  })
  const take = async (): Promise<void> => {
    const said = await readOwnerFile(home)
    if (said !== undefined) await authority.update([said.statement], said.key)
  }
  await take()
  await authority.admitSelf()
  const onChange = (): void => void take().catch(() => undefined)
  watchFile(ownerFileOf(home), { interval: LOOK_INTERVAL_MS, persistent: false }, onChange)
  return { authority, stop: () => unwatchFile(ownerFileOf(home), onChange) }
}
