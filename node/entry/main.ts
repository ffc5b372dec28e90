#!/usr/bin/env node
import { ConfigError } from '../config/index.ts'
import { ListenError } from '../errors.ts'
import {
  GatewayAddressInUseError,
  GatewayApiKeyRequiredError,
  GatewayTlsError,
  KeyFileError
} from '../../http-gateway/index.ts'
import { InviteError, MembershipError } from '../membership/index.ts'
import { CommandError, EXIT } from './errors.ts'
import { program, usageExitCode } from './program.ts'

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
  const settings = [
    ConfigError,
    ListenError,
    GatewayAddressInUseError,
    GatewayApiKeyRequiredError,
    GatewayTlsError,
    InviteError,
    KeyFileError,
    MembershipError
  ]
  return settings.some((kind) => err instanceof kind) ? EXIT.usage : EXIT.failed
}
