/**
 * @packageDocumentation
 *
 * `/lobstah/membership/1.0.0`: who is a member of a private mesh, and what its owners say. `README.md` is the spec.
 */
export * from './constants.ts'
export * from './frames.ts'
export * from './invite.ts'
export * from './records.ts'
