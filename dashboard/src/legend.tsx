import type { JSX } from 'preact'

/** What the lines of the picture mean. */
export function Legend(): JSX.Element {
  return (
    <ul class="legend" aria-label="Kinds of connections">
      <li class="host">same machine</li>
      <li class="lan">local</li>
      <li class="direct">direct</li>
      <li class="relayed">relayed</li>
    </ul>
  )
}
