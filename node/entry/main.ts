#!/usr/bin/env node
import type {
  GatewayListenError,
  GatewayApiKeyRequiredError,
  GatewayTlsError,
  KeyFileError
} from '../../http-gateway/index.ts'
import type { ConfigError } from '../config/index.ts'
import type { ListenError } from '../errors.ts'
import type { InviteError, MembershipError } from '../membership/index.ts'
import type { TrackerStartError } from '../tracker/index.ts'
import { CommandError, EXIT } from './errors.ts'
import { runtimeProblem } from './runtime-problem.ts'
import { cleanText } from './terminal-text.ts'

type SettingsError =
  | typeof ConfigError
  | typeof GatewayListenError
  | typeof GatewayApiKeyRequiredError
  | typeof GatewayTlsError
  | typeof InviteError
  | typeof KeyFileError
  | typeof ListenError
  | typeof MembershipError
  | typeof TrackerStartError

/** By name: to load these classes would be to load all of libp2p and Fastify, for every command. */
const SETTINGS_ERRORS: Record<SettingsError['name'], true> = {
  ConfigError: true,
  GatewayListenError: true,
  GatewayApiKeyRequiredError: true,
  GatewayTlsError: true,
  InviteError: true,
  KeyFileError: true,
  ListenError: true,
  MembershipError: true,
  TrackerStartError: true
}

// LevelDB chooses no mode for its files, and a home that somebody else made may be open to others.
process.umask(0o077)

// The reader of this program's output may stop early: `lobstah-node models | head -1`.
process.stdout.on('error', (err: NodeJS.ErrnoException) => {
  if (err.code !== 'EPIPE') throw err
  // A node goes on without a reader, and is told to stop by a signal: Ctrl-C in `lobstah-node | tee log` ends tee too.
  if (process.listenerCount('SIGTERM') === 0) process.exit(0)
})
process.stderr.on('error', (err: NodeJS.ErrnoException) => {
  if (err.code !== 'EPIPE') throw err
})

const problem = runtimeProblem(process.versions.node)
if (problem === undefined) await runProgram()
else {
  process.stderr.write(`lobstah-node: ${problem}\n`)
  process.exitCode = EXIT.failed
}

async function runProgram(): Promise<void> {
  // Not before the runtime is known: an older one may not even load it.
  const { program, usageExitCode } = await import('./program.ts')
  try {
    await program(process.env).parseAsync(process.argv)
  } catch (err) {
    const usage = usageExitCode(err)
    if (usage === undefined)
      process.stderr.write(`lobstah-node: ${cleanText(err instanceof Error ? err.message : String(err))}\n`)
    process.exitCode = usage ?? exitCode(err)
  }
  // A node has stopped by now, but libp2p's identify holds the process for another second by a debounce timer.
  if (process.listenerCount('SIGTERM') > 0) process.exit()
}

function exitCode(err: unknown): number {
  if (err instanceof CommandError) return err.exitCode
  return err instanceof Error && err.name in SETTINGS_ERRORS ? EXIT.usage : EXIT.failed
}
