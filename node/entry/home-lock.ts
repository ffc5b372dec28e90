import { mkdir } from 'node:fs/promises'
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
    const datastore = new PeerDatastore(folder)
    // Not datastore.open(): its error does not tell the cause.
    await datastore.db.open({ createIfMissing: true })
    return datastore
  } catch (err) {
    const causes = causesOf(err)
    if (causes.some((cause) => 'code' in cause && cause.code === 'LEVEL_LOCKED'))
      throw new HomeInUseError(home, { cause: err })
    const why = causes.at(-1)?.message ?? String(err)
    throw new CommandError(
      /^(Corruption|IO error.*No such file)/.test(why)
        ? `${folder} is damaged (${why}): move it away. It holds what is known of peers, who are found again`
        : `The home ${home} cannot be used (${why}): check the folder's owner and permissions, and the free space, or use --home`,
      EXIT.usage,
      { cause: err }
    )
  }
}

function causesOf(err: unknown): Error[] {
  return err instanceof Error ? [err, ...causesOf(err.cause)] : []
}
