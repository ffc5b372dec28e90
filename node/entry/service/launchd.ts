import { mkdir, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Output } from '../output.ts'
import { launchdPlist } from './launchd-plist.ts'
import { printLog } from './print-log.ts'
import { mustRun, runProgram } from './run-program.ts'
import {
  serviceName,
  type ServiceKind,
  type ServiceManager,
  type ServiceSpec,
  type ServiceState
} from './service.ts'

/** A LaunchAgent of the user's. It runs while the user is logged in. */
export class Launchd implements ServiceManager {
  readonly name = 'launchd'
  readonly #kind: ServiceKind
  readonly #home: string
  readonly #env: NodeJS.ProcessEnv

  constructor(kind: ServiceKind, home: string, env: NodeJS.ProcessEnv) {
    this.#kind = kind
    this.#home = home
    this.#env = env
  }

  async install(spec: ServiceSpec): Promise<string[]> {
    await mkdir(join(spec.home, 'logs'), { recursive: true, mode: 0o700 })
    await mkdir(join(this.#file, '..'), { recursive: true })
    await this.stop()
    await writeFileAtomic(this.#file, launchdPlist(spec), { mode: 0o644 })
    await mustRun('launchctl', ['enable', this.#target])
    return [
      'The service runs while you are logged in. If macOS asks whether it may find devices on your local network, allow it: without that, peers on your network stay invisible.'
    ]
  }

  async start(): Promise<void> {
    if (!(await this.#isLoaded())) await mustRun('launchctl', ['bootstrap', this.#domain, this.#file])
    else await mustRun('launchctl', ['kickstart', this.#target])
  }

  async stop(): Promise<void> {
    // Unloaded, it does not come back before it is started again.
    if (await this.#isLoaded()) await mustRun('launchctl', ['bootout', this.#target])
  }

  async uninstall(): Promise<void> {
    await this.stop()
    await rm(this.#file, { force: true })
  }

  async state(): Promise<ServiceState> {
    const installed = await stat(this.#file).then(
      () => true,
      () => false
    )
    const printed = installed ? await runProgram('launchctl', ['print', this.#target]) : undefined
    const active = printed?.code === 0 && /^\s*state = running$/m.test(printed.stdout)
    return { manager: this.name, installed, enabled: installed, active, file: this.#file }
  }

  logs(lines: number, follow: boolean, output: Output): Promise<void> {
    return printLog(this.#home, lines, follow, output)
  }

  async #isLoaded(): Promise<boolean> {
    return (await runProgram('launchctl', ['print', this.#target])).code === 0
  }

  get #file(): string {
    return join(this.#env.HOME ?? homedir(), 'Library', 'LaunchAgents', `${serviceName(this.#kind)}.plist`)
  }

  get #domain(): string {
    return `gui/${process.getuid?.() ?? 0}`
  }

  get #target(): string {
    return `${this.#domain}/${serviceName(this.#kind)}`
  }
}
