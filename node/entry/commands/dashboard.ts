import { spawn } from 'node:child_process'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { readHomeToken } from '../../../http-gateway/index.ts'
import type { Config } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { GatewayClient } from '../gateway-client.ts'
import type { Output } from '../output.ts'

export interface DashboardFlags {
  /** Whether a browser is opened. @default true */
  open?: boolean
}

/** Opens the running node's dashboard with the token of its home, and prints the address. */
export async function dashboard(
  config: Config,
  { open = true }: DashboardFlags,
  output: Output
): Promise<void> {
  const { url } = await GatewayClient.of(config)
  const token = await readHomeToken(config.home)
  if (token === undefined)
    throw new CommandError(
      `${join(config.home, 'token')} cannot be read: run this as the user that the node runs as`,
      EXIT.usage
    )
  const address = `${url}/#token=${token}`
  output.result({ url: address }, () => address)
  output.note('Anyone with this address controls the node: keep it to yourself.')
  if (open && !output.json) await openInBrowser(config.home, address, output)
}

/** Other users can read command lines, so the browser is given a file of the home, which leads to the address. */
async function openInBrowser(home: string, address: string, output: Output): Promise<void> {
  const file = join(home, 'dashboard.html')
  const page = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${address}"><title>lobstah-node</title>\n`
  await writeFileAtomic(file, page, { mode: 0o600 })
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  const child = spawn(command ?? 'xdg-open', [...args, file], { stdio: 'ignore', detached: true })
  child.on('error', () => output.note('No browser was found here: open the address yourself.'))
  child.unref()
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', '""']
}
