import type { Reading } from './reading.ts'
import type { LinuxInit } from './linux.ts'
import { because } from './runner.ts'
import { x11IdleMs } from './x11-idle.ts'

type Input = Reading<number | 'no_desktop'>

const MUTTER = [
  '--user',
  '--json=short',
  'call',
  'org.gnome.Mutter.IdleMonitor',
  '/org/gnome/Mutter/IdleMonitor/Core',
  'org.gnome.Mutter.IdleMonitor',
  'GetIdletime'
]

/**
 * Time since the last input: on X11 by its screen saver, on GNOME by its idle monitor, elsewhere by logind. X's own
 * answer counts on X11 only: under Wayland it hears of X programs' input alone.
 */
export async function readLinuxInput(init: LinuxInit, signal: AbortSignal): Promise<Input> {
  const { env, root, run } = init
  const wayland = env.WAYLAND_DISPLAY !== undefined || env.XDG_SESSION_TYPE === 'wayland'
  if (!wayland && env.DISPLAY !== undefined && env.DISPLAY !== '') {
    try {
      return { known: true, value: await x11IdleMs({ display: env.DISPLAY, env, root, signal }) }
    } catch (err) {
      return { known: false, detail: `the X server does not tell (${because(err)})` }
    }
  }
  if (wayland) {
    const idle = await run('busctl', MUTTER, signal).then(parseIdletime, () => undefined)
    if (idle !== undefined) return { known: true, value: idle }
  }
  const sessions = await desktopSessions(init, signal)
  if (sessions.length === 0)
    return wayland
      ? { known: false, detail: 'this Wayland desktop does not tell when it was used last' }
      : { known: true, value: 'no_desktop' }
  const since = sessions.map(({ idle, idleSince }) => (idle && idleSince > 0 ? idleSince : undefined))
  if (!allKnown(since))
    return {
      known: false,
      detail: 'logind does not call the desktop idle, and does not say since when it is used'
    }
  return { known: true, value: Math.max(0, init.now() - Math.max(...since)) }
}

/** The milliseconds in `{"type":"t","data":[1234]}`. */
export function parseIdletime(output: string): number | undefined {
  const match = /"data":\[(\d+)\]/.exec(output)
  return match === null ? undefined : Number(match[1])
}

interface DesktopSession {
  idle: boolean
  /** Milliseconds since 1970; 0 where the session was not idle yet. */
  idleSince: number
}

/** The graphical sessions that logind knows; none where there is no logind. */
async function desktopSessions({ run }: LinuxInit, signal: AbortSignal): Promise<DesktopSession[]> {
  try {
    const ids = (await run('loginctl', ['list-sessions', '--no-legend', '--no-pager'], signal))
      .split('\n')
      .map((line) => line.trim().split(/\s+/, 1)[0] ?? '')
      .filter((id) => /^\w+$/.test(id))
    if (ids.length === 0) return []
    const properties = ['Type', 'Class', 'IdleHint', 'IdleSinceHint'].flatMap((name) => ['-p', name])
    return parseSessions(await run('loginctl', ['show-session', ...ids, ...properties], signal))
  } catch {
    return []
  }
}

/** Reads `loginctl show-session`: one block of `Name=value` lines a session. */
export function parseSessions(output: string): DesktopSession[] {
  return output
    .split(/\n\s*\n/)
    .map((block) => new Map(block.split('\n').map((line) => pair(line.trim()))))
    .filter((session) => ['x11', 'wayland', 'mir'].includes(session.get('Type') ?? ''))
    .filter((session) => (session.get('Class') ?? 'user') === 'user')
    .map((session) => ({
      idle: session.get('IdleHint') === 'yes',
      idleSince: Math.floor(Number(session.get('IdleSinceHint') ?? 0) / 1000) || 0
    }))
}

function pair(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(0, at), line.slice(at + 1)]
}

function allKnown(times: (number | undefined)[]): times is number[] {
  return !times.includes(undefined)
}
