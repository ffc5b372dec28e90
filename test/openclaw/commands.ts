import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import assert from 'node:assert/strict'

/** The output of a command. */
export interface Printed {
  code: number | null
  stdout: string
  stderr: string
}

/** Longest run of one command, in milliseconds. */
const TIMEOUT_MS = 180_000

/** A folder of state for OpenClaw, with the environment that keeps it to itself and offline. */
export class OpenClaw {
  readonly env: NodeJS.ProcessEnv
  readonly #program: string

  constructor(program: string, env: NodeJS.ProcessEnv) {
    this.#program = program
    this.env = env
  }

  /** Runs a command to its end, which must be a good one. */
  async run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const printed = await runToEnd([this.#program, ...args], { ...this.env, ...env })
    assert.equal(
      printed.code,
      0,
      `openclaw ${args.slice(0, 3).join(' ')}\n${printed.stdout}\n${printed.stderr}`
    )
    return printed.stdout
  }

  /** Runs a command in a pseudo-terminal of Python's, answering its questions by a script. */
  async interactive(script: string, dialogue: [string, string][], args: string[]): Promise<string> {
    const command = [process.execPath, this.#program, ...args]
    const printed = await runToEnd([script, JSON.stringify(dialogue), ...command], this.env, 'python3')
    assert.equal(printed.code, 0, `${printed.stdout}\n${printed.stderr}`)
    return printed.stdout
  }

  /** Starts a command that goes on. */
  start(args: string[]): ChildProcess {
    return spawn(process.execPath, [this.#program, ...args], { env: this.env, stdio: 'ignore' })
  }
}

/** Runs a program of Node's (or another) to its end. */
export async function runToEnd(
  args: string[],
  env: NodeJS.ProcessEnv,
  program = process.execPath
): Promise<Printed> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
