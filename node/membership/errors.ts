/** An invite cannot be taken: it is damaged, too new, or too old. */
export class InviteError extends Error {
  static override readonly name = 'InviteError'
  override readonly name = 'InviteError'
  constructor(message = 'The invite is not valid', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The file that says which mesh a home belongs to cannot be read or written. */
export class MembershipError extends Error {
  static override readonly name = 'MembershipError'
  override readonly name = 'MembershipError'
  constructor(message = 'The membership cannot be read', options?: ErrorOptions) {
    super(message, options)
  }
}
