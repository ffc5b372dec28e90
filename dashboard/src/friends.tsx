import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { command, look, owner } from './api.ts'
import { nameOf } from './format.ts'
import { Action } from './parts.tsx'

interface Members {
  owners: string[]
  admitters: string[]
  joined: { peer: string }[]
  removed: string[]
}

/** The friends of this node. */
export function Friends(): JSX.Element {
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
  useEffect(() => void look('Friends', load), [owner.value])
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

/** The members of the mesh, as far as this home knows them. */
export function MembersList(): JSX.Element {
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
