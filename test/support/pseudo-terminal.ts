import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { pEvent } from 'p-event'
import { MAIN } from './node-process.ts'

/** A program of ours in a pseudo-terminal, by util-linux's `script`. */
export interface PseudoTerminal {
  /** Everything that it has written. */
  screen(): string
  /** Types into it. */
  type(text: string): void
  /** Resolves when what was written since the last call matches. */
  shows(pattern: RegExp): Promise<void>
  /** Resolves when it has ended. */
  ended(): Promise<number | null>
  kill(): void
}

/** Whether this machine can make one. */
export function hasPseudoTerminals(): boolean {
  return /util-linux/.test(String(spawnSync('script', ['--version']).stdout))
}

/** Starts the program by its command line in a pseudo-terminal. */
export function pseudoTerminal(args: string[], env: NodeJS.ProcessEnv = {}): PseudoTerminal {
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  let [written, seen] = ['', 0]
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text))
  const exited = once(child, 'exit') as Promise<[number | null]>
  return {
    screen: () => written,
    type: (text) => void child.stdin.write(text),
    shows: async (pattern) => {
      for (;;) {
        const found = pattern.exec(written.slice(seen))
        if (found !== null) {
          seen += found.index + found[0].length
          return
        }
        if (child.exitCode !== null) throw new Error(`ended before ${pattern} showed: ${written}`)
        await pEvent(child.stdout, ['data', 'end'])
      }
    },
    ended: async () => (await exited)[0],
    kill: () => void child.kill('SIGKILL')
  }
}
