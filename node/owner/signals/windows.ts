import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { unknown, type Signals, type SignalSource } from './reading.ts'

/** How old what PowerShell said may be, in milliseconds. */
const MAX_AGE_MS = 20_000

/** A first answer takes this long at most, in milliseconds: PowerShell compiles first. */
const FIRST_MS = 15_000

/**
 * Says every five seconds when the last input was, in which session, and what the power line is. One PowerShell for all
 * looks: each start takes most of a second of a processor. Ticks wrap after 49.7 days, and so does the difference.
 */
const SCRIPT = `
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Windows.Forms
Add-Type -TypeDefinition @'
using System;
using System.Runtime.InteropServices;
public static class LobstahInput {
  [StructLayout(LayoutKind.Sequential)] struct Info { public uint size; public uint time; }
  [DllImport("user32.dll")] static extern bool GetLastInputInfo(ref Info info);
  public static uint IdleMs() {
    var info = new Info(); info.size = (uint)Marshal.SizeOf(info);
    if (!GetLastInputInfo(ref info)) throw new Exception("GetLastInputInfo");
    return unchecked((uint)Environment.TickCount - info.time);
  }
}
'@
$session = [System.Diagnostics.Process]::GetCurrentProcess().SessionId
while ($true) {
  $power = [System.Windows.Forms.SystemInformation]::PowerStatus.PowerLineStatus
  [Console]::Out.WriteLine("idle=$([LobstahInput]::IdleMs()) session=$session power=$power")
  Start-Sleep -Seconds 5
}`

/** Input and power from one PowerShell that keeps running. */
export function windowsSignals(): SignalSource {
  let child: ChildProcess | undefined
  let latest: { line: string; at: number } | undefined
  let news = Promise.withResolvers<void>()
  const start = (): void => {
    const started = spawn(
      'powershell.exe',
      ['-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-Command', SCRIPT],
      { stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true }
    )
    const ended = (): void => {
      if (child === started) child = undefined
      news.resolve()
    }
    started.on('error', ended).on('exit', ended)
    createInterface({ input: started.stdout }).on('line', (line) => {
      latest = { line, at: performance.now() }
      news.resolve()
      news = Promise.withResolvers()
    })
    started.unref()
    child = started
  }
  return {
    read: async ({ signal }) => {
      if (child === undefined) start()
      if (latest === undefined) await firstOf(news.promise, signal)
      if (latest === undefined || performance.now() - latest.at > MAX_AGE_MS)
        return unknown('PowerShell does not answer')
      return parseWindows(latest.line)
    },
    close: () => {
      child?.kill()
      child = undefined
    }
  }
}

/** Reads `idle=1234 session=1 power=Online`. Session 0 is that of services, which sees nobody's input. */
export function parseWindows(line: string): Signals {
  const match = /^idle=(\d+) session=(\d+) power=(\w+)\s*$/.exec(line)
  if (match === null) return unknown('PowerShell says something else')
  const [, idle, session, power] = match
  return {
    power:
      power === 'Unknown'
        ? { known: false, detail: 'Windows does not know' }
        : { known: true, value: power === 'Online' ? 'mains' : 'battery' },
    input:
      session === '0'
        ? { known: false, detail: 'a Windows service sees no input: run the node as a task of its user' }
        : { known: true, value: Number(idle) },
    gpu: { known: false, detail: 'the load of graphics processors is not read on Windows' }
  }
}

async function firstOf(news: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(FIRST_MS)])
  const over = Promise.withResolvers<void>()
  late.addEventListener('abort', () => over.resolve(), { once: true })
  await Promise.race([news, over.promise])
}
