import { readFile } from 'node:fs/promises'
import { createInterface, type Interface } from 'node:readline'
import { text as readAll } from 'node:stream/consumers'
import type { Config } from '../../config/index.ts'
import {
  MembershipError,
  decodeInvite,
  isInvite,
  isWholeInvite,
  membershipSchema,
  readMembership,
  removeMembership,
  sameMesh,
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
export async function join(config: Config, file: string, flags: JoinFlags, output: Output): Promise<void> {
  if (isInvite(file))
    throw new CommandError(
      'Other users of this machine can read command lines. Pass the invite on stdin or in a file: lobstah-node join < invite.txt',
      EXIT.usage
    )
  await joinInvite(config, await readInvite(file), flags, output)
}

/** Makes this home belong to the mesh of an invite. */
export async function joinInvite(
  config: Config,
  text: string,
  flags: JoinFlags,
  output: Output
): Promise<void> {
  const invite = decodeInvite(text, Date.now())
  const present =
    flags.replace === true ? await readOrSetAside(config.home, output) : await readMembership(config.home)
  if (present !== undefined && !sameMesh(present, invite) && flags.replace !== true)
    throw new CommandError(
      `This home belongs to the mesh "${present.name}". Replace it with --replace, or use another --home`,
      EXIT.usage
    )
  const membership = membershipSchema.parse(invite)
  const { name, key, bootstrap } = membership
  await writeMembership(config.home, joined(present, membership))
  output.result({ mesh: name, private: key !== undefined, bootstrap }, () =>
    [
      `Joined the ${key === undefined ? 'public' : 'private'} mesh "${name}". It takes effect at the next start:`,
      '  lobstah-node               ask it',
      '  lobstah-node --contribute  and serve it'
    ].join('\n')
  )
}

/** The mesh of an invite; one that this home belongs to already keeps its certificate, and the latest key. */
function joined(present: Membership | undefined, invited: Membership): Membership {
  if (present?.owner === undefined || present.owner !== invited.owner) return invited
  const { invite, ...rest } = invited
  return { ...rest, ...present, bootstrap: invited.bootstrap, ...(present.certificate ? {} : { invite }) }
}

/** Prints the mesh that this home belongs to. It reads the home alone, so that no node has to run. */
export async function showMesh(config: Config, output: Output): Promise<void> {
  const mesh = await readMembership(config.home)
  const { name = null, key, bootstrap = [] } = mesh ?? {}
  output.result({ mesh: name, private: key !== undefined, bootstrap }, () =>
    name === null
      ? 'This home belongs to no mesh.'
      : [
          `This home belongs to the ${key === undefined ? 'public' : 'private'} mesh "${name}".`,
          ...bootstrap
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
    output.note(
      `The membership of this home cannot be read. It was moved to ${await setAsideMembership(home)}`
    )
    return undefined
  }
}

async function readInvite(file: string): Promise<string> {
  if (file !== '' && file !== '-') {
    try {
      return await readFile(file, 'utf8')
    } catch (err) {
      throw new CommandError(`${file} cannot be read: give the file that holds the invite`, EXIT.usage, {
        cause: err
      })
    }
  }
  if (!process.stdin.isTTY) return await readAll(process.stdin)
  return await pastedInvite(createInterface({ input: process.stdin, output: process.stderr }))
}

/** Reads lines until they are a whole invite: mail programs and terminals wrap long ones. */
async function pastedInvite(prompt: Interface): Promise<string> {
  let pasted = ''
  try {
    prompt.setPrompt('Paste the invite: ')
    prompt.prompt()
    for await (const line of prompt) {
      pasted += line.trim()
      if (line.trim() === '' || isWholeInvite(pasted) || !isInvite(pasted)) return pasted
      prompt.setPrompt('… and the rest of it (Enter ends): ')
      prompt.prompt()
    }
  } finally {
    prompt.close()
  }
  if (pasted === '') throw new CommandError('Nothing was joined', EXIT.interrupted)
  return pasted
}
