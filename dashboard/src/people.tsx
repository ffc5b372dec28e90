import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { command, owner } from './api.ts'
import { nameOf } from './format.ts'
import { Action, Card, OwnerOnly } from './parts.tsx'

interface MeshFacts {
  mesh: string | null
  private: boolean
  bootstrap: string[]
}

interface Invited {
  invite: string
  mesh: string
  private: boolean
  expiresAt: string
  qr: string
}

interface Members {
  owners: string[]
  admitters: string[]
  joined: { peer: string }[]
  removed: string[]
}

/** The mesh that this home belongs to, invites, friends and members. */
export function People(): JSX.Element {
  const mesh = useSignal<MeshFacts | undefined>(undefined)
  const load = async (): Promise<void> => {
    mesh.value = (await command<MeshFacts>('mesh')).result
  }
  useEffect(() => void load().catch(() => undefined), [owner.value])
  return (
    <>
      <div class="two">
        <Card title="Invite">
          <OwnerOnly what="Invites">
            <Invite mesh={mesh.value} onMade={load} />
          </OwnerOnly>
        </Card>
        <Card title="Join">
          <OwnerOnly what="Joining and leaving a mesh">
            <Join mesh={mesh.value} onJoined={load} />
          </OwnerOnly>
        </Card>
      </div>
      <div class="two">
        <Card title="Friends">
          <OwnerOnly what="Friends">
            <Friends />
          </OwnerOnly>
        </Card>
        <Card title="Members">
          <OwnerOnly what="Members">
            <MembersList key={mesh.value?.mesh ?? ''} />
          </OwnerOnly>
        </Card>
      </div>
    </>
  )
}

function Invite({ mesh, onMade }: { mesh: MeshFacts | undefined; onMade: () => Promise<void> }): JSX.Element {
  const name = useSignal('')
  const uses = useSignal('')
  const made = useSignal<(Invited & { notes: string[] }) | undefined>(undefined)
  const make = async (): Promise<void> => {
    const flags: Record<string, string | number> = {}
    if (mesh?.mesh == null) flags['name'] = name.value.trim() || 'home'
    if (uses.value !== '') flags['uses'] = Number(uses.value)
    const { result, notes } = await command<Invited>('invite', { flags })
    made.value = { ...result, notes }
    await onMade()
  }
  return (
    <>
      {mesh?.mesh == null ? (
        <label>
          Name of the new private mesh
          <input
            value={name.value}
            placeholder="home"
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
      ) : (
        <p>
          To the {mesh.private ? 'private' : 'public'} mesh <strong>{mesh.mesh}</strong>.
        </p>
      )}
      <label>
        How many may use it (empty: any number)
        <input
          type="number"
          min={1}
          value={uses.value}
          onInput={(event) => (uses.value = event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <Action label="Make an invite" kind="main" run={make} />
      </div>
      {made.value === undefined ? null : (
        <div class="invited" aria-live="polite">
          <img
            src={`data:image/svg+xml,${encodeURIComponent(made.value.qr)}`}
            alt="The invite as a QR code"
          />
          <label>
            Invite, until {new Date(made.value.expiresAt).toLocaleString()}
            <textarea
              readOnly
              rows={4}
              value={made.value.invite}
              onFocus={(event) => event.currentTarget.select()}
            />
          </label>
          <Action label="Copy" run={() => navigator.clipboard.writeText(made.value?.invite ?? '')} />
          {made.value.private ? (
            <p class="warn">It opens the private mesh: send it as you would send a password.</p>
          ) : null}
          {made.value.notes.map((note) => (
            <p key={note} class="soft">
              {note}
            </p>
          ))}
        </div>
      )}
    </>
  )
}

function Join({
  mesh,
  onJoined
}: {
  mesh: MeshFacts | undefined
  onJoined: () => Promise<void>
}): JSX.Element {
  const invite = useSignal('')
  const replace = useSignal(false)
  const said = useSignal('')
  const join = async (): Promise<void> => {
    const { result } = await command<{ mesh: string }>('join', {
      argument: invite.value.trim(),
      flags: replace.value ? { replace: true } : {}
    })
    invite.value = ''
    said.value = `Joined “${result.mesh}”. Restart the node to enter it.`
    await onJoined()
  }
  const leave = async (): Promise<void> => {
    await command('leave')
    said.value = 'Left. The node stays connected until it is restarted.'
    await onJoined()
  }
  return (
    <>
      <label>
        Invite
        <textarea
          rows={4}
          value={invite.value}
          placeholder="Paste the invite that you were sent"
          onInput={(event) => (invite.value = event.currentTarget.value)}
        />
      </label>
      {mesh?.mesh == null ? null : (
        <label class="check">
          <input
            type="checkbox"
            checked={replace.value}
            onChange={(event) => (replace.value = event.currentTarget.checked)}
          />{' '}
          Leave “{mesh.mesh}” for it
        </label>
      )}
      <div class="row">
        <Action label="Join this mesh" kind="main" run={join} />
        {mesh?.mesh == null ? null : <Action label="Leave" kind="danger" describe={mesh.mesh} run={leave} />}
      </div>
      <p role="status">{said.value}</p>
    </>
  )
}

function Friends(): JSX.Element {
  const friends = useSignal<string[]>([])
  const peer = useSignal('')
  const load = async (): Promise<void> => {
    const { result } = await command<{ friends: string[] } | string[]>('friends list')
    friends.value = Array.isArray(result) ? result : result.friends
  }
  const change = async (name: string, argument: string): Promise<void> => {
    await command(name, { argument })
    peer.value = ''
    await load()
  }
  useEffect(() => void load().catch(() => undefined), [owner.value])
  return (
    <>
      {friends.value.length === 0 ? (
        <p class="soft">None yet. Friends are served first, with a credit line of their own.</p>
      ) : null}
      <ul class="people">
        {friends.value.map((each) => (
          <li key={each} class="row">
            <code title={each}>{nameOf(each)}</code>
            <Action label="Remove" describe={nameOf(each)} run={() => change('friends remove', each)} />
          </li>
        ))}
      </ul>
      <label>
        Peer id
        <input
          value={peer.value}
          placeholder="12D3KooW…"
          onInput={(event) => (peer.value = event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <Action label="Add as a friend" run={() => change('friends add', peer.value.trim())} />
      </div>
    </>
  )
}

function MembersList(): JSX.Element {
  const members = useSignal<Members | undefined>(undefined)
  const none = useSignal('')
  const load = async (): Promise<void> => {
    try {
      members.value = (await command<Members>('members')).result
    } catch (err) {
      none.value = err instanceof Error ? err.message : String(err)
    }
  }
  useEffect(() => void load(), [owner.value])
  const change = async (name: string, argument: string): Promise<void> => {
    await command(name, { argument })
    await load()
  }
  if (members.value === undefined) return <p class="soft">{none.value}</p>
  const { owners, admitters, joined, removed } = members.value
  return (
    <ul class="people">
      {owners.map((peer) => (
        <li key={`o${peer}`} class="row">
          <code title={peer}>{nameOf(peer)}</code> owner
        </li>
      ))}
      {admitters.map((peer) => (
        <li key={`a${peer}`} class="row">
          <code title={peer}>{nameOf(peer)}</code> admits members
        </li>
      ))}
      {joined
        .filter(({ peer }) => !removed.includes(peer))
        .map(({ peer }) => (
          <li key={`j${peer}`} class="row">
            <code title={peer}>{nameOf(peer)}</code> joined
            <Action
              label="Remove"
              describe={nameOf(peer)}
              kind="danger"
              run={() => change('members remove', peer)}
            />
          </li>
        ))}
      {removed.map((peer) => (
        <li key={`r${peer}`} class="row">
          <code title={peer}>{nameOf(peer)}</code> removed
          <Action label="Let back in" describe={nameOf(peer)} run={() => change('members restore', peer)} />
        </li>
      ))}
    </ul>
  )
}
