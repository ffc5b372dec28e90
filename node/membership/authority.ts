import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import {
  CERTIFICATE,
  MAX_OLD_KEYS,
  MAX_STATEMENTS,
  NotAllowedError,
  OLD_KEY_MS,
  STATEMENT,
  open,
  openInvite,
  seal,
  sha256,
  type Certificate,
  type SignedInvite,
  type SignedRecord,
  type Statement
} from '../../protocols/index.ts'
import type { InviteUses } from './invite-uses.ts'
import type { Membership } from './membership.ts'

/** A private mesh that has an owner. */
export interface OwnedMembership extends Membership {
  key: string
  owner: string
}

/** Whether a mesh has an owner, so that its members have certificates. */
export function isOwned(membership: Membership | undefined): membership is OwnedMembership {
  return membership?.owner !== undefined && membership.key !== undefined
}

export interface AuthorityComponents {
  /** This node's key. */
  privateKey: PrivateKey
  /** The root owner's key, on the machine that has it. */
  ownerKey?: PrivateKey | undefined
  uses: InviteUses
  /** Keeps what changed. */
  persist: (membership: OwnedMembership) => Promise<void>
  /** Milliseconds since 1970. */
  now: () => number
}

/** This node's knowledge of the members of its mesh: see `protocols/membership/README.md`. */
export class Authority {
  readonly peer: string
  readonly #components: AuthorityComponents
  readonly #statements = new Map<string, { record: SignedRecord; statement: Statement }>()
  readonly #listeners = new Set<() => void>()
  #membership: OwnedMembership

  private constructor(membership: OwnedMembership, components: AuthorityComponents) {
    this.#membership = membership
    this.#components = components
    this.peer = peerIdFromPrivateKey(components.privateKey).toString()
  }

  /** Takes up what was kept. */
  static async create(membership: OwnedMembership, components: AuthorityComponents): Promise<Authority> {
    const authority = new Authority(membership, components)
    await authority.#take(membership.statements ?? [])
    return authority
  }

  /** This node's certificate; undefined until its invite is redeemed. */
  get certificate(): SignedRecord | undefined {
    return this.#membership.certificate
  }

  /** The invite that is to be redeemed. */
  get invite(): string | undefined {
    return this.#membership.invite
  }

  /** The root's statement, which others need to judge a certificate that it did not issue. */
  get root(): SignedRecord | undefined {
    return this.#statements.get(this.#membership.owner)?.record
  }

  get statements(): SignedRecord[] {
    return [...this.#statements.values()].map(({ record }) => record)
  }

  /** The pre-shared keys that open connections, the latest first, base64url. */
  get keys(): string[] {
    const { key, oldKeys = [] } = this.#membership
    return [key, ...oldKeys.filter(({ until }) => until > this.#components.now()).map((old) => old.key)]
  }

  /** The number of the latest key that this node has. */
  get epoch(): number {
    return this.#membership.epoch ?? 0
  }

  /** Calls back whenever statements, keys or the certificate have changed; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Throws NotAllowedError when a peer is no member by its certificate. */
  async judge(record: SignedRecord, member: string): Promise<Certificate> {
    const certificate = await open(CERTIFICATE, record).catch((cause: unknown) => {
      throw new NotAllowedError('The certificate of membership is not valid', { cause })
    })
    if (certificate.mesh !== this.#membership.owner || certificate.member !== member)
      throw new NotAllowedError('The certificate is for another peer or another mesh')
    if (!this.#mayAdmit(certificate.issuer))
      throw new NotAllowedError('The certificate was issued by a peer that may not let members in')
    if (this.isRemoved(member)) throw new NotAllowedError('This peer is no member any more')
    return certificate
  }

  /** Whether an owner has removed a peer. */
  isRemoved(peer: string): boolean {
    return peer !== this.#membership.owner && this.#said.some(({ removed }) => removed.includes(peer))
  }

  /** Takes what an owner says, and the key that it tells of. Resolves to whether anything was new. */
  async update(statements: readonly SignedRecord[], key?: string): Promise<boolean> {
    const news = await this.#take(statements)
    const [rotated] = this.#said.toSorted((a, b) => b.epoch - a.epoch || (a.issuer < b.issuer ? -1 : 1))
    const isNewKey =
      key !== undefined &&
      rotated !== undefined &&
      rotated.epoch > this.epoch &&
      rotated.keyHash === sha256(Buffer.from(key, 'base64url'))
    if (isNewKey) {
      const { key: replaced, oldKeys = [] } = this.#membership
      const until = this.#components.now() + OLD_KEY_MS
      this.#membership = {
        ...this.#membership,
        key,
        epoch: rotated.epoch,
        oldKeys: [{ key: replaced, until }, ...oldKeys].slice(0, MAX_OLD_KEYS)
      }
    }
    if (news || isNewKey) await this.#changed()
    return news || isNewKey
  }

  /** Takes this node's certificate. */
  async admitted(certificate: SignedRecord): Promise<void> {
    await this.judge(certificate, this.peer)
    const { invite, ...rest } = this.#membership
    this.#membership = { ...rest, certificate }
    if (invite !== undefined || certificate !== rest.certificate) await this.#changed()
  }

  /** Issues this node's own certificate, where it is an owner's. */
  async admitSelf(): Promise<void> {
    if (this.certificate === undefined && this.#issuer !== undefined)
      await this.admitted(await this.#issue(this.peer, null))
  }

  /** Redeems an invite for a peer. Throws NotAllowedError saying why not. */
  async redeem(text: string, member: string): Promise<SignedRecord> {
    const invite = this.#acceptable(text, member)
    if (this.#issuer === undefined)
      throw new NotAllowedError('This peer lets no members in: an owner has to be reached')
    if (!(await this.#components.uses.take(invite.id, member, invite.uses)))
      throw new NotAllowedError('The invite has been used as often as it may be')
    return await this.#issue(member, invite.id)
  }

  #acceptable(text: string, member: string): SignedInvite {
    let invite: SignedInvite
    try {
      invite = openInvite(text)
    } catch (cause) {
      throw new NotAllowedError('The invite is forged or damaged', { cause })
    }
    const refuse = (why: string): never => {
      throw new NotAllowedError(why)
    }
    if (invite.mesh !== this.#membership.owner) refuse('The invite is to another mesh')
    if (!this.#mayAdmit(invite.issuer)) refuse('The invite is by a peer that may not invite any more')
    if (invite.expiresAt <= this.#components.now()) refuse('The invite has expired: ask for a new one')
    if (this.#said.some(({ revokedInvites }) => revokedInvites.includes(invite.id)))
      refuse('The invite was revoked: ask for a new one')
    if (this.isRemoved(member)) refuse('This peer was removed from the mesh')
    const counter = invite.by === this.#membership.owner ? this.#components.ownerKey : undefined
    if (invite.by !== undefined && invite.by !== this.peer && counter === undefined)
      refuse(`Only ${invite.by} redeems this invite`)
    if (invite.uses > 0 && invite.by === undefined) refuse('The invite does not say who counts its uses')
    return invite
  }

  async #issue(member: string, invite: string | null): Promise<SignedRecord> {
    const privateKey = this.#issuer ?? this.#components.privateKey
    const certificate = {
      mesh: this.#membership.owner,
      member,
      issuer: peerIdFromPrivateKey(privateKey).toString(),
      invite,
      issuedAt: this.#components.now()
    }
    return await seal(CERTIFICATE, certificate, privateKey)
  }

  /** The key by which this node lets members in; undefined where it may not. */
  get #issuer(): PrivateKey | undefined {
    const { ownerKey, privateKey } = this.#components
    if (ownerKey !== undefined && peerIdFromPrivateKey(ownerKey).toString() === this.#membership.owner)
      return ownerKey
    return this.#mayAdmit(this.peer) ? privateKey : undefined
  }

  #mayAdmit(peer: string): boolean {
    if (peer === this.#membership.owner) return true
    return (
      !this.isRemoved(peer) &&
      (this.#isOwner(peer) || this.#said.some((said) => said.admitters.includes(peer)))
    )
  }

  #isOwner(peer: string): boolean {
    const { owner } = this.#membership
    const root = this.#statements.get(owner)?.statement
    return peer === owner || (root?.owners.includes(peer) === true && !root.removed.includes(peer))
  }

  /** The statements that count: the root's, and those of the owners that it names. */
  get #said(): Statement[] {
    return [...this.#statements.values()]
      .map(({ statement }) => statement)
      .filter(({ issuer }) => this.#isOwner(issuer))
  }

  async #take(records: readonly SignedRecord[]): Promise<boolean> {
    let news = false
    const read = await Promise.all(
      records.map(async (record) => ({
        record,
        statement: await open(STATEMENT, record).catch(() => undefined)
      }))
    )
    // The root's first: it says whose others count.
    const isRoot = (issuer?: string): number => (issuer === this.#membership.owner ? 0 : 1)
    for (const { record, statement } of read.toSorted(
      (a, b) => isRoot(a.statement?.issuer) - isRoot(b.statement?.issuer)
    )) {
      if (statement?.mesh !== this.#membership.owner || !this.#isOwner(statement.issuer)) continue
      const before = this.#statements.get(statement.issuer)?.statement
      if (before !== undefined && before.version >= statement.version) continue
      if (before === undefined && this.#statements.size >= MAX_STATEMENTS) continue
      this.#statements.set(statement.issuer, { record, statement })
      news = true
    }
    return news
  }

  async #changed(): Promise<void> {
    this.#membership = { ...this.#membership, statements: this.statements }
    await this.#components.persist(this.#membership)
    for (const listener of this.#listeners) listener()
  }
}
