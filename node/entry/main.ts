#!/usr/bin/env node
import type {
  GatewayAddressInUseError,
  GatewayApiKeyRequiredError,
  GatewayTlsError,
  KeyFileError
} from '../../http-gateway/index.ts'
import type { ConfigError } from '../config/index.ts'
import type { ListenError } from '../errors.ts'
import type { InviteError, MembershipError } from '../membership/index.ts'
import { CommandError, EXIT } from './errors.ts'
import { program, usageExitCode } from './program.ts'

type SettingsError =
  | typeof ConfigError
  | typeof GatewayAddressInUseError
  | typeof GatewayApiKeyRequiredError
  | typeof GatewayTlsError
  | typeof InviteError
  | typeof KeyFileError
  | typeof ListenError
  | typeof MembershipError

/** By name: to load these classes would be to load all of libp2p and Fastify, for every command. */
const SETTINGS_ERRORS: Record<SettingsError['name'], true> = {
  ConfigError: true,
  GatewayAddressInUseError: true,
  GatewayApiKeyRequiredError: true,
  GatewayTlsError: true,
  InviteError: true,
  KeyFileError: true,
  ListenError: true,
  MembershipError: true
}

// Whoever reads this program's output may leave early: `lobstah-node models | head -1`.
process.stdout.on('error', (err: NodeJS.ErrnoException) => {
  if (err.code !== 'EPIPE') throw err
  process.exit(0)
})

try {
  await program(process.env).parseAsync(process.argv)
} catch (err) {
  const usage = usageExitCode(err)
  if (usage === undefined)
    process.stderr.write(`lobstah-node: ${err instanceof Error ? err.message : String(err)}\n`)
  process.exitCode = usage ?? exitCode(err)
}

function exitCode(err: unknown): number {
  if (err instanceof CommandError) return err.exitCode
  return err instanceof Error && err.name in SETTINGS_ERRORS ? EXIT.usage : EXIT.failed
}
