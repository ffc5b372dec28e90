import { PRESENCE, WITHDRAWAL, type Presence } from '../../protocols/presence/index.ts'
import { seal, type SignedRecord } from '../../protocols/records/index.ts'
import { CONTRIBUTOR, NOW, type Party } from './records.ts'

/** A presence of the contributor of tests, in the public mesh. */
export function aPresence(changes: Partial<Presence> = {}): Presence {
  return {
    peer: CONTRIBUTOR.peer,
    mesh: 'public',
    addresses: ['/ip4/198.51.100.7/tcp/17476'],
    models: ['scripted:1b'],
    relay: false,
    issuedAt: NOW,
    expiresAt: NOW + 600_000,
    ...changes
  }
}

export async function signedPresence(
  changes: Partial<Presence> = {},
  by: Party = CONTRIBUTOR
): Promise<SignedRecord> {
  return await seal(PRESENCE, aPresence({ peer: by.peer, ...changes }), by.privateKey)
}

export async function signedWithdrawal(issuedAt: number, by: Party = CONTRIBUTOR): Promise<SignedRecord> {
  return await seal(WITHDRAWAL, { peer: by.peer, issuedAt }, by.privateKey)
}
