import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { owner } from './api.ts'

/** A titled part of a page. */
export function Card({
  title,
  children,
  aside,
  wide = false
}: {
  title: string
  children: ComponentChildren
  aside?: ComponentChildren
  wide?: boolean
}): JSX.Element {
  const id = `card-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`
  return (
    <section class={wide ? 'card wide' : 'card'} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

/** A table that scrolls sideways by itself where there is no room. */
export function Table({
  label,
  heads,
  children
}: {
  label: string
  heads: string[]
  children: ComponentChildren
}): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>
            {heads.map((head) =>
              head === '' ? (
                <td key={head} />
              ) : (
                <th key={head} scope="col">
                  {head}
                </th>
              )
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}

/** A figure and what it counts. */
export function Fact({ name, value, note }: { name: string; value: string; note?: string }): JSX.Element {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>
        {value} {note === undefined ? null : <small>{note}</small>}
      </dd>
    </div>
  )
}

/** What only the owner may see, or how to become the owner on this page. */
export function OwnerOnly({ children, what }: { children: ComponentChildren; what: string }): JSX.Element {
  if (owner.value) return <>{children}</>
  return (
    <p class="notice">
      {what} are for the owner of this node. Open this page with <code>lobstah-node dashboard</code> in a
      terminal.
    </p>
  )
}

/** A button that does something which takes time and may fail, and says so. */
export function Action({
  label,
  run,
  kind = 'plain',
  describe
}: {
  label: string
  run: () => Promise<unknown>
  kind?: 'plain' | 'main' | 'danger'
  /** What it acts on, for those who do not see it. */
  describe?: string
}): JSX.Element {
  const busy = useSignal(false)
  const failure = useSignal('')
  const act = async (): Promise<void> => {
    busy.value = true
    failure.value = ''
    try {
      await run()
    } catch (err) {
      failure.value = err instanceof Error ? err.message : String(err)
    } finally {
      busy.value = false
    }
  }
  return (
    <>
      <button
        type="button"
        class={kind}
        disabled={busy.value}
        onClick={() => void act()}
        {...(describe === undefined ? {} : { 'aria-label': `${label} ${describe}` })}
      >
        {busy.value ? `${label} …` : label}
      </button>
      {failure.value === '' ? null : (
        <span role="alert" class="bad">
          {failure.value}
        </span>
      )}
    </>
  )
}
