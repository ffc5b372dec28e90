import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { text as readAll } from 'node:stream/consumers'
import type { Config } from '../../config/index.ts'
import {
  MembershipError,
  decodeInvite,
  readMembership,
  removeMembership,
  setAsideMembership,
  writeMembership,
  type Membership
} from '../../membership/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'

export interface JoinFlags {
  /** Leaves the mesh that the home belongs to for the new one. */
  replace?: boolean
}

/** Makes this home belong to the mesh of an invite, which comes from a file, from stdin, or from a question. */
export async function join(
  config: Config,
  file: string | undefined,
  flags: JoinFlags,
  output: Output
): Promise<void> {
  if (file?.startsWith('lobstah1') === true)
    throw new CommandError(
      'Others on this machine can read a command line. Give the invite by stdin or a file: lobstah-node join < invite.txt',
      EXIT.usage
    )
  const invite = decodeInvite(await readInvite(file), Date.now())
  const present =
    flags.replace === true ? await readOrSetAside(config.home, output) : await readMembership(config.home)
  if (present !== undefined && present.key !== invite.key && flags.replace !== true)
    throw new CommandError(
      `This home belongs to the mesh "${present.name}". Leave it for the new one with --replace, or use another --home`,
      EXIT.usage
    )
  const { name, key, bootstrap } = invite
  await writeMembership(config.home, { name, ...(key === undefined ? {} : { key }), bootstrap })
  output.result({ mesh: name, private: key !== undefined, bootstrap }, () =>
    [
      `Joined the ${key === undefined ? 'public' : 'private'} mesh "${name}". It takes effect at the next start:`,
      '  lobstah-node               ask it',
      '  lobstah-node --contribute  and serve it'
    ].join('\n')
  )
}

/** Makes this home belong to no mesh. */
export async function leave(config: Config, output: Output): Promise<void> {
  const present = await readOrSetAside(config.home, output)
  await removeMembership(config.home)
  output.result({ left: present?.name ?? null }, () =>
    present === undefined ? 'This home belonged to no mesh.' : `Left the mesh "${present.name}".`
  )
}

/** The mesh that is to be left; one that cannot be read any more is kept beside. */
async function readOrSetAside(home: string, output: Output): Promise<Membership | undefined> {
  try {
    return await readMembership(home)
  } catch (err) {
    if (!(err instanceof MembershipError)) throw err
    output.note(`The membership of this home cannot be read. It is kept as ${await setAsideMembership(home)}`)
    return undefined
  }
}

async function readInvite(file: string | undefined): Promise<string> {
  if (file !== undefined && file !== '-') {
    try {
      return await readFile(file, 'utf8')
    } catch (err) {
      throw new CommandError(`${file} cannot be read: give the file that holds the invite`, EXIT.usage, {
        cause: err
      })
    }
  }
  if (!process.stdin.isTTY) return await readAll(process.stdin)
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await prompt.question('Paste the invite: ')
  } catch (err) {
    if (!(err instanceof Error && err.name === 'AbortError')) throw err
    throw new CommandError('Nothing was joined', EXIT.interrupted, { cause: err })
  } finally {
    prompt.close()
  }
}
