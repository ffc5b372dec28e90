import { join } from 'node:path'
import { PeerDatastore } from '../peer-datastore.ts'
import { HomeInUseError } from './errors.ts'

/** The peers' database is also the lock of a home: LevelDB lets nobody else in, and lets go when a process dies. */
export async function openDatastore(home: string): Promise<PeerDatastore> {
  const datastore = new PeerDatastore(join(home, 'peers'))
  try {
    // Not datastore.open(): its error does not tell the cause.
    await datastore.db.open({ createIfMissing: true })
    return datastore
  } catch (err) {
    if (isLocked(err)) throw new HomeInUseError(home, { cause: err })
    throw err
  }
}

function isLocked(err: unknown): boolean {
  for (let cause = err; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true
  }
  return false
}
