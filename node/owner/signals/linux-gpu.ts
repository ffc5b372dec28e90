import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Reading } from './reading.ts'
import type { LinuxInit } from './linux.ts'
import { because, isMissing } from './runner.ts'

/** Programs that run models for this node; drivers cut long names. */
const ENGINES = /ollama|llama|lobstah|lm.?studio/i

type Load = Reading<number | 'no_gpu'>

/** Load of the graphics processors that is not this node's. */
export async function readLinuxGpu(
  { root, run }: Pick<LinuxInit, 'root' | 'run'>,
  busy: boolean,
  signal: AbortSignal
): Promise<Load> {
  const [nvidia, amd] = await Promise.all([readNvidia(run, busy, signal), readAmd(root, busy)])
  if (nvidia.known && nvidia.value === 'no_gpu') return amd
  if (amd.known && amd.value === 'no_gpu') return nvidia
  if (!nvidia.known) return nvidia
  if (!amd.known) return amd
  return { known: true, value: Math.max(Number(nvidia.value), Number(amd.value)) }
}

/** By process, so that this node's own engine does not count; while that rests, all load is foreign. */
export async function readNvidia(run: LinuxInit['run'], busy: boolean, signal: AbortSignal): Promise<Load> {
  try {
    const samples = parsePmon(await run('nvidia-smi', ['pmon', '-c', '1', '-s', 'u'], signal))
    const foreign = samples.filter(({ command }) => !busy || !ENGINES.test(command))
    return {
      known: true,
      value: Math.min(
        100,
        foreign.reduce((sum, { load }) => sum + load, 0)
      )
    }
  } catch (err) {
    return isMissing(err) ? { known: true, value: 'no_gpu' } : { known: false, detail: because(err) }
  }
}

/** Processes with their load in percent. Which columns there are depends on the driver's version. */
export function parsePmon(output: string): { pid: number; load: number; command: string }[] {
  const lines = output.split('\n').map((line) => line.trim())
  const columns = lines
    .find((line) => line.startsWith('#'))
    ?.slice(1)
    .trim()
    .split(/\s+/)
  if (columns === undefined) return []
  const [pidAt, loadAt, commandAt] = ['pid', 'sm', 'command'].map((name) => columns.indexOf(name))
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
    .map((cells) => ({
      pid: Number(cells[pidAt ?? -1]),
      load: Number(cells[loadAt ?? -1]) || 0,
      command: cells.slice(commandAt).join(' ')
    }))
    .filter(({ pid }) => Number.isInteger(pid))
}

/** AMD's driver tells the load of the whole card only. */
async function readAmd(root: string, busy: boolean): Promise<Load> {
  const folder = join(root, 'sys/class/drm')
  const names = await readdir(folder).catch(() => [])
  const loads: number[] = []
  for (const name of names.filter((each) => /^card\d+$/.test(each))) {
    const text = await readFile(join(folder, name, 'device/gpu_busy_percent'), 'utf8').catch(() => undefined)
    if (text !== undefined && /^\d+\s*$/.test(text)) loads.push(Number(text))
  }
  if (loads.length === 0) return { known: true, value: 'no_gpu' }
  if (busy) return { known: false, detail: "the driver does not tell this node's load from others'" }
  return { known: true, value: Math.max(...loads) }
}
