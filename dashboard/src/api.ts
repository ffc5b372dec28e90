import { signal } from '@preact/signals'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'

/** The state of the node as it was told last; undefined before the first. */
export const state = signal<DashboardState | undefined>(undefined)

/** How the page stands with the node. */
export const connection = signal<'connecting' | 'live' | 'lost' | 'key'>('connecting')

/** The token of the node's home, or an API key; empty where the page was opened without. */
export const token = signal(takeToken())

/** Whether the token is the owner's: learned by asking. */
export const owner = signal(false)

const STORED = 'lobstah-token'
const RETRY_MS = 2_000

/** An answer that the node refused, with its own words. */
export class NodeError extends Error {
  static override readonly name = 'NodeError'
  override readonly name = 'NodeError'
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** The token that the page was opened with leaves the address at once, and stays for this tab alone. */
function takeToken(): string {
  const given = /^#token=([\w.~-]+)$/.exec(location.hash)?.[1]
  if (given !== undefined) {
    sessionStorage.setItem(STORED, given)
    history.replaceState(null, '', location.pathname)
  }
  return given ?? sessionStorage.getItem(STORED) ?? ''
}

/** Uses another token or key from now on. */
export async function useToken(text: string): Promise<void> {
  sessionStorage.setItem(STORED, text)
  token.value = text
  connection.value = 'connecting'
  await learnOwner()
}

/** Asks the gateway. Throws NodeError where it refuses. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  // What no header can carry is no key.
  if (/^[\x21-\x7e]+$/.test(token.value)) headers.set('authorization', `Bearer ${token.value}`)
  if (init.body !== undefined && init.body !== null) headers.set('content-type', 'application/json')
  const response = await fetch(path, { ...init, headers })
  if (response.ok) return response
  throw new NodeError(await messageOf(response), response.status)
}

/** A JSON answer of the gateway. Throws NodeError. */
export async function askJson<T>(path: string, body?: unknown, method?: string): Promise<T> {
  const init = body === undefined ? {} : { method: method ?? 'POST', body: JSON.stringify(body) }
  const response = await ask(path, init)
  return (await response.json()) as T
}

/** The parts of the page that could not be read, and why; forgotten when another section is opened. */
export const unread = signal<Readonly<Record<string, string>>>({})
addEventListener('hashchange', () => (unread.value = {}))

/** Reads a part of the page, and tells above all of them if that fails. */
export async function look(part: string, load: () => Promise<unknown>): Promise<void> {
  const others = (): Record<string, string> =>
    Object.fromEntries(Object.entries(unread.value).filter(([other]) => other !== part))
  try {
    await load()
    unread.value = others()
  } catch (err) {
    // A node that is gone is told of by the connection, and the parts for the owner ask for the token themselves.
    if (err instanceof NodeError && ![401, 403].includes(err.status))
      unread.value = { ...others(), [part]: err.message }
  }
}

/** Runs a command of the node for its owner. Throws NodeError. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the gateway's own answers
export async function command<T>(
  name: string,
  rest: { argument?: string; flags?: Record<string, string | number | boolean> } = {}
): Promise<{ result: T; notes: string[] }> {
  return await askJson('/lobstah/command', { name, ...rest })
}

async function messageOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // Not ours: said below.
  }
  return `The node answered ${response.status}`
}

/** Whether the token opens what only the owner may see. */
export async function learnOwner(): Promise<void> {
  try {
    if (token.value === '') owner.value = false
    else {
      await ask('/lobstah/logs')
      owner.value = true
    }
  } catch (err) {
    if (err instanceof NodeError) owner.value = false
  }
}

/** Follows the node for as long as the page is open. */
export async function follow(): Promise<never> {
  for (;;) {
    try {
      const response = await ask('/lobstah/events')
      connection.value = 'live'
      void learnOwner()
      for await (const data of eventsOf(response)) state.value = JSON.parse(data) as DashboardState
      connection.value = 'lost'
    } catch (err) {
      connection.value = err instanceof NodeError && err.status === 401 ? 'key' : 'lost'
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** The data of a stream's events; comments go to `onComment`. */
export async function* eventsOf(
  response: Response,
  onComment: (comment: string) => void = () => undefined
): AsyncGenerator<string> {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('data: ')) yield line.slice('data: '.length)
        else if (line.startsWith(': ')) onComment(line.slice(2))
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined)
  }
}
