import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { command, look, owner } from './api.ts'
import { Friends, MembersList } from './friends.tsx'
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

/** The mesh that this home belongs to, invites, friends and members. */
export function People(): JSX.Element {
  const mesh = useSignal<MeshFacts | undefined>(undefined)
  const load = async (): Promise<void> => {
    mesh.value = (await command<MeshFacts>('mesh')).result
  }
  useEffect(() => void look('The mesh', load), [owner.value])
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
