import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { command, look, owner } from './api.ts'
import { Action, Card, OwnerOnly } from './parts.tsx'

interface Setting {
  name: string
  text: string
  value: unknown
  kept: unknown
}

/** Every setting, with its value now and in config.json. */
export function Settings(): JSX.Element {
  return (
    <Card title="Settings">
      <OwnerOnly what="Settings">
        <List />
      </OwnerOnly>
    </Card>
  )
}

function List(): JSX.Element {
  const settings = useSignal<Setting[]>([])
  const filter = useSignal('')
  const load = async (): Promise<void> => {
    settings.value = (await command<Setting[]>('settings list')).result
  }
  useEffect(() => void look('Settings', load), [owner.value])
  const wanted = filter.value.toLowerCase()
  return (
    <details>
      <summary>All settings ({settings.value.length}); a change takes effect at the next start</summary>
      <label>
        Find
        <input
          type="search"
          value={filter.value}
          onInput={(event) => (filter.value = event.currentTarget.value)}
        />
      </label>
      <ul class="settings">
        {settings.value
          .filter(({ name, text }) => `${name} ${text}`.toLowerCase().includes(wanted))
          .map((setting) => (
            <One key={setting.name} setting={setting} onSaved={load} />
          ))}
      </ul>
    </details>
  )
}

function One({ setting, onSaved }: { setting: Setting; onSaved: () => Promise<void> }): JSX.Element {
  const { name, text, value, kept } = setting
  const draft = useSignal(shown(kept))
  const save = async (): Promise<void> => {
    await command('settings set', { argument: name, flags: { value: draft.value } })
    await onSaved()
  }
  return (
    <li>
      <label>
        <strong>{name}</strong> {text}
        <input value={draft.value} onInput={(event) => (draft.value = event.currentTarget.value)} />
      </label>
      <div class="row">
        <Action label="Save" describe={name} run={save} />
        {shown(value) === shown(kept) ? null : <small>In force now: {shown(value)}</small>}
      </div>
    </li>
  )
}

function shown(value: unknown): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
