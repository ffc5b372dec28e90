/** A dependency lacks a private member that a patch changes or reads. */
export class PatchError extends Error {
  static override readonly name = 'PatchError'
  override readonly name = 'PatchError'
  constructor(message = 'A dependency lacks a member that lobstah-node needs') {
    super(message)
  }
}

/** None of a peer's addresses may be dialled. */
export class DialRefusedError extends Error {
  static override readonly name = 'DialRefusedError'
  override readonly name = 'DialRefusedError'
  constructor(message = 'None of the addresses may be dialled') {
    super(message)
  }
}
