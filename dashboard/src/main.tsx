import { signal } from '@preact/signals'
import { render, type JSX } from 'preact'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { connection, follow, owner, state, unread, useToken } from './api.ts'
import { duration } from './format.ts'
import { Health } from './health.tsx'
import { Mesh } from './mesh.tsx'
import { Models } from './models.tsx'
import { Figures, Now } from './now.tsx'
import { People } from './people.tsx'
import { ServingCard } from './serving.tsx'
import { Settings } from './settings.tsx'
import './style.css'
import { Past } from './time.tsx'
import { Welcome, isEmpty } from './welcome.tsx'

interface View {
  path: string
  name: string
  show: (now: DashboardState) => JSX.Element
}

const VIEWS: readonly View[] = [
  {
    path: '',
    name: 'Mesh',
    show: (now) => (
      <>
        {isEmpty(now) ? <Welcome /> : <Figures now={now} />}
        <Mesh now={now} />
        <Now now={now} />
      </>
    )
  },
  { path: 'models', name: 'Models', show: (now) => <Models now={now} /> },
  { path: 'time', name: 'Over time', show: () => <Past /> },
  {
    path: 'contribute',
    name: 'Contribute',
    show: (now) => (
      <>
        <ServingCard contributing={now.capacity.contributing} />
        <People />
        <Settings />
      </>
    )
  },
  { path: 'health', name: 'Health', show: () => <Health /> }
]

const path = signal(location.hash.replace(/^#\/?/, ''))
addEventListener('hashchange', () => (path.value = location.hash.replace(/^#\/?/, '')))

function App(): JSX.Element {
  const now = state.value
  const view = VIEWS.find((each) => each.path === path.value) ?? VIEWS[0]
  document.title = view?.path === '' ? 'lobstah-node' : `${view?.name ?? ''} · lobstah-node`
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => skip(event)}>
        Skip to the content
      </a>
      <header>
        <div class="brand">
          <Mark />
          <h1>lobstah-node</h1>
          <Status now={now} />
        </div>
        <nav aria-label="Sections">
          {VIEWS.map((each) => (
            <a key={each.path} href={`#/${each.path}`} aria-current={each === view ? 'page' : undefined}>
              {each.name}
            </a>
          ))}
        </nav>
      </header>
      <main id="main" tabIndex={-1} class={connection.value === 'live' ? '' : 'stale'}>
        <Problem />
        {now === undefined ? <p class="soft">Asking the node …</p> : view?.show(now)}
      </main>
      <footer class="soft">
        {now === undefined ? null : (
          <p>
            <code>{now.node.peer}</code> · version {now.node.version} · up{' '}
            {duration(Date.now() - now.node.startedAt)} · {owner.value ? 'opened by its owner' : 'read only'}
          </p>
        )}
      </footer>
    </>
  )
}

/** A lobster, from above. */
function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="-16 -16 32 32" aria-hidden="true">
      <g fill="none" stroke="var(--brand)" stroke-width="2.4" stroke-linecap="round">
        <path d="M-4 -6C-12 -6 -13 -12 -8 -14M-8 -14q1 3 -2 5M4 -6C12 -6 13 -12 8 -14M8 -14q-1 3 2 5" />
        <path d="M-5 1l-6 2M5 1l6 2M-5 5l-5 4M5 5l5 4" />
      </g>
      <path fill="var(--brand)" d="M0 -9c5 0 6 6 5 10s-2 6 -2 8l3 5H-6l3 -5c0 -2 -1 -4 -2 -8s0 -10 5 -10Z" />
    </svg>
  )
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Status({ now }: { now: DashboardState | undefined }): JSX.Element {
  const live = connection.value === 'live'
  const mesh = now?.node.mesh === undefined ? '' : `mesh “${now.node.mesh}”`
  return (
    <span class={live ? 'status live' : 'status'} role="status">
      {live
        ? ['live', mesh].filter((part) => part !== '').join(', ')
        : connection.value === 'connecting'
          ? 'connecting'
          : 'not connected'}
    </span>
  )
}

function Problem(): JSX.Element | null {
  if (connection.value === 'lost')
    return (
      <p role="alert" class="notice bad">
        The node does not answer. It may have stopped; this page tries again.
      </p>
    )
  if (connection.value === 'live')
    return (
      <>
        {Object.entries(unread.value).map(([part, why]) => (
          <p key={part} role="alert" class="notice bad">
            {part} could not be read: {why}
          </p>
        ))}
      </>
    )
  if (connection.value !== 'key') return null
  return (
    <form
      class="notice"
      onSubmit={(event) => {
        event.preventDefault()
        const field = event.currentTarget.elements.namedItem('key')
        if (field instanceof HTMLInputElement) void useToken(field.value.trim())
      }}
    >
      <label>
        This node asks for a key. Open the page with <code>lobstah-node dashboard</code>, or give an API key:
        <input name="key" type="password" autocomplete="off" required />
      </label>
      <button type="submit" class="main">
        Use this key
      </button>
    </form>
  )
}

const app = document.getElementById('app')
if (app !== null) render(<App />, app)
void follow()
