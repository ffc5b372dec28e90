import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerDatastore } from '../patches/index.ts'
import { CommandError, EXIT, HomeInUseError } from './errors.ts'

/**
 * Makes the home where it is not there. The peers' database is also its lock: LevelDB lets nobody else in, and lets
 * go when a process dies. Throws HomeInUseError, and CommandError where the folder or the database cannot be used.
 */
export async function openDatastore(home: string): Promise<PeerDatastore> {
  const folder = join(home, 'peers')
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await keepPrivate(home)
    await keepPrivate(folder)
    const datastore = new PeerDatastore(folder)
    // Not datastore.open(): its error does not tell the cause.
    await datastore.db.open({ createIfMissing: true })
    return datastore
  } catch (err) {
    if (isLocked(err)) throw new HomeInUseError(home, { cause: err })
    const why = causesOf(err).at(-1)?.message ?? String(err)
    throw new CommandError(
      /^(Corruption|IO error.*No such file)/.test(why)
        ? `${folder} is damaged (${why}): move it away. It holds what is known of peers, who are found again`
        : `The home ${home} cannot be used (${why}): check the folder's owner and permissions, and the free space, or use --home`,
      EXIT.usage,
      { cause: err }
    )
  }
}

/** Whether a process holds the lock of a home. Looking takes the lock for a moment where it is free. */
export async function isHomeLocked(home: string): Promise<boolean> {
  const datastore = new PeerDatastore(join(home, 'peers'))
  try {
    await datastore.db.open({ createIfMissing: false })
    await datastore.close()
    return false
  } catch (err) {
    return isLocked(err)
  }
}

function isLocked(err: unknown): boolean {
  return causesOf(err).some((cause) => 'code' in cause && cause.code === 'LEVEL_LOCKED')
}

/** Takes a folder's access from others. Its owner's own rights stay: a home made read-only is an error to be told. */
async function keepPrivate(folder: string): Promise<void> {
  const { mode } = await stat(folder)
  // A mounted folder may belong to somebody else, who decides its mode.
  if ((mode & 0o077) !== 0) await chmod(folder, mode & 0o700).catch(() => undefined)
}

function causesOf(err: unknown): Error[] {
  return err instanceof Error ? [err, ...causesOf(err.cause)] : []
}
