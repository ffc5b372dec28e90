import { spawn } from 'node:child_process'
import { ServiceError } from './errors.ts'

/** The outcome of another program. */
export interface ProgramResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program to its end. Throws ServiceError where it is not installed. */
export async function runProgram(name: string, args: readonly string[]): Promise<ProgramResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>()
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const result = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text))
  child.once('error', (err) => reject(notRunnable(name, err)))
  child.once('close', (code) => resolve({ code: code ?? 1, ...result }))
  return promise
}

/** Runs a program that must succeed; `explain` may turn its complaint into advice. Throws ServiceError. */
export async function mustRun(
  name: string,
  args: readonly string[],
  explain: (complaint: string) => string | undefined = () => undefined
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(name, args)
  if (code === 0) return stdout
  const complaint = (stderr.trim() || stdout.trim()).split('\n')[0] ?? ''
  throw new ServiceError(explain(stderr) ?? `${[name, ...args].join(' ')} failed (${code}): ${complaint}`)
}

/** Runs a program on this process's own terminal. Throws ServiceError. */
export async function runInTerminal(name: string, args: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = spawn(name, args, { stdio: 'inherit' })
  // Ctrl-C goes to both, and ends the program: this one only waits for it.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  child.once('error', (err) => reject(notRunnable(name, err)))
  child.once('close', () => resolve())
  try {
    await promise
  } finally {
    process.off('SIGINT', ignore)
  }
}

function notRunnable(name: string, err: Error): ServiceError {
  const absent = 'code' in err && err.code === 'ENOENT'
  return new ServiceError(
    absent
      ? `${name} is not installed: this machine has no service manager that lobstah-node knows (systemd, launchd, Windows' Task Scheduler). Start "lobstah-node" by the one it has; docs/service.md says what matters`
      : `${name} cannot be run: ${err.message}`,
    { cause: err }
  )
}
