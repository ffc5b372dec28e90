import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import writeFileAtomic from 'write-file-atomic'
import { ServiceError } from './errors.ts'
import { mustRun, runInTerminal, runProgram } from './run-program.ts'
import {
  serviceName,
  type ServiceKind,
  type ServiceManager,
  type ServiceSpec,
  type ServiceState
} from './service.ts'
import { systemdUnit, type SystemdScope } from './systemd-unit.ts'

/** systemd's exit status for a process whose mount namespace could not be set up. */
const EXIT_NAMESPACE = '226'

/** Time in which such a process fails, in milliseconds. */
const SETTLE_MS = 500

/** A unit of systemd, of the user's own or of the system. */
export class Systemd implements ServiceManager {
  readonly name: string
  readonly #scope: SystemdScope
  readonly #kind: ServiceKind
  readonly #env: NodeJS.ProcessEnv

  constructor(kind: ServiceKind, scope: SystemdScope, env: NodeJS.ProcessEnv) {
    this.name = `systemd (${scope})`
    this.#kind = kind
    this.#scope = scope
    this.#env = env
  }

  async install(spec: ServiceSpec): Promise<string[]> {
    if (this.#scope === 'system') checkReadable(spec.command)
    await this.#write(spec, true)
    await this.#systemctl('enable', this.#unit)
    const lingers = this.#scope === 'system' || (await this.#linger())
    return lingers
      ? []
      : [
          `The service stops when you log out. To run it from boot on, allow it once: sudo loginctl enable-linger ${userInfo().username}`
        ]
  }

  async start(): Promise<void> {
    await this.#systemctl('restart', this.#unit)
    await delay(SETTLE_MS)
    if ((await this.#property('ExecMainStatus')) !== EXIT_NAMESPACE) return
    // Users may not make namespaces here: better a node with less protection than none.
    await this.#dropMounts()
    await this.#systemctl('reset-failed', this.#unit)
    await this.#systemctl('restart', this.#unit)
  }

  async stop(): Promise<void> {
    if ((await this.state()).installed) await this.#systemctl('stop', this.#unit)
  }

  async uninstall(): Promise<void> {
    if (!(await this.state()).installed) return
    await this.#systemctl('disable', '--now', this.#unit)
    await rm(this.#file, { force: true })
    await this.#systemctl('daemon-reload')
  }

  async state(): Promise<ServiceState> {
    const installed = await stat(this.#file).then(
      () => true,
      () => false
    )
    const state = { manager: this.name, installed, enabled: false, active: false, file: this.#file }
    if (!installed) return state
    const [enabled, active] = [await this.#ask('is-enabled'), await this.#ask('is-active')]
    return { ...state, enabled: enabled === 'enabled', active: active === 'active' }
  }

  async logs(lines: number, follow: boolean): Promise<void> {
    const scope = this.#scope === 'user' ? ['--user'] : []
    const args = [...scope, '--unit', this.#unit, '--lines', String(lines), '--no-pager']
    await runInTerminal('journalctl', [...args, ...(follow ? ['--follow'] : [])])
  }

  get #unit(): string {
    return `${serviceName(this.#kind)}.service`
  }

  get #file(): string {
    const own = this.#env.XDG_CONFIG_HOME ?? join(this.#env.HOME ?? homedir(), '.config')
    const folder = this.#scope === 'system' ? '/etc/systemd/system' : join(own, 'systemd', 'user')
    return join(folder, this.#unit)
  }

  async #write({ kind, command, home }: ServiceSpec, mounts: boolean): Promise<void> {
    const text = systemdUnit({ kind, scope: this.#scope, command, home, mounts })
    await this.#save(text)
  }

  async #save(text: string): Promise<void> {
    try {
      await mkdir(join(this.#file, '..'), { recursive: true })
      await writeFileAtomic(this.#file, text, { mode: 0o644 })
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err)
      throw new ServiceError(
        this.#scope === 'system'
          ? `${this.#file} cannot be written (${why}): a system service is installed by root. Without --system it is your own`
          : `${this.#file} cannot be written (${why}): check the folder's permissions`,
        { cause: err }
      )
    }
    await this.#systemctl('daemon-reload')
  }

  async #dropMounts(): Promise<void> {
    const text = await readFile(this.#file, 'utf8')
    await this.#save(text.replace(/^(Protect|PrivateTmp|ReadWritePaths).*\n/gm, ''))
  }

  async #linger(): Promise<boolean> {
    return (await runProgram('loginctl', ['enable-linger'])).code === 0
  }

  async #property(name: string): Promise<string> {
    return (await this.#systemctl('show', '--property', name, '--value', this.#unit)).trim()
  }

  /** An answer that comes with an exit code of its own. */
  async #ask(question: string): Promise<string> {
    return (await runProgram('systemctl', [...this.#flags, question, this.#unit])).stdout.trim()
  }

  get #flags(): string[] {
    return this.#scope === 'user' ? ['--user'] : []
  }

  #systemctl(...args: string[]): Promise<string> {
    return mustRun('systemctl', [...this.#flags, ...args], explain)
  }
}

function explain(complaint: string): string | undefined {
  if (/not been booted with systemd/.test(complaint))
    return 'This machine was not started by systemd, as in most containers: run "lobstah-node" by what starts your programs; docs/service.md says what matters'
  if (/connect to (user scope )?bus|No medium found|XDG_RUNTIME_DIR/.test(complaint))
    return 'Your systemd does not run in this session: log in as this user itself, not by su or sudo, or install for the whole system: --system'
  if (/Access denied|interactive authentication/i.test(complaint))
    return 'A system service is managed by root: use sudo, or leave out --system'
  return undefined
}

/** A system service runs as a user of its own, which sees no home folders. */
function checkReadable(command: readonly string[]): void {
  const hidden = command.find((word) => /^\/(home|root)\//.test(word))
  if (hidden === undefined) return
  throw new ServiceError(
    `${hidden} lies in a home folder, which a system service cannot read. Install the program for all users (npm install --global as root), or leave out --system`
  )
}
