/** A dependency lacks a private member that a patch changes or reads. */
export class PatchError extends Error {
  static override readonly name = 'PatchError'
  override readonly name = 'PatchError'
  constructor(message = 'A dependency lacks a member that lobstah-node needs') {
    super(message)
  }
}
