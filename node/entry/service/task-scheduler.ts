import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../config/index.ts'
import { stopNode } from '../commands/stop.ts'
import type { Output } from '../output.ts'
import { printLog } from './print-log.ts'
import { mustRun, runProgram } from './run-program.ts'
import { scheduledTask } from './scheduled-task.ts'
import {
  serviceName,
  type ServiceKind,
  type ServiceManager,
  type ServiceSpec,
  type ServiceState
} from './service.ts'

/** A task of Windows' Task Scheduler, which starts when its user logs on. */
export class TaskScheduler implements ServiceManager {
  readonly name = 'Task Scheduler'
  readonly #kind: ServiceKind
  readonly #config: Config
  readonly #env: NodeJS.ProcessEnv
  readonly #output: Output

  constructor(kind: ServiceKind, config: Config, env: NodeJS.ProcessEnv, output: Output) {
    this.#kind = kind
    this.#config = config
    this.#env = env
    this.#output = output
  }

  async install(spec: ServiceSpec): Promise<string[]> {
    await mkdir(join(spec.home, 'logs'), { recursive: true })
    const domain = this.#env.USERDOMAIN
    const user = userInfo().username
    const xml = scheduledTask(spec, domain === undefined ? user : `${domain}\\${user}`)
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-task-'))
    try {
      const file = join(folder, 'task.xml')
      // The encoding that its first line names, with a mark of its byte order.
      await writeFile(file, `\ufeff${xml}`, 'utf16le')
      await mustRun('schtasks', ['/Create', '/F', '/TN', this.#task, '/XML', file])
    } finally {
      await rm(folder, { recursive: true })
    }
    return ['The service runs while you are logged on.']
  }

  async start(): Promise<void> {
    await mustRun('schtasks', ['/Run', '/TN', this.#task])
  }

  async stop(): Promise<void> {
    // The scheduler would kill it: answers in flight are for the node itself to finish.
    if ((await this.state()).active)
      await stopNode(this.#config, {}, { ...this.#output, result: () => undefined })
  }

  async uninstall(): Promise<void> {
    if (!(await this.state()).installed) return
    await this.stop()
    await mustRun('schtasks', ['/Delete', '/F', '/TN', this.#task])
  }

  async state(): Promise<ServiceState> {
    const { code, stdout } = await runProgram('schtasks', ['/Query', '/TN', this.#task, '/XML'])
    const installed = code === 0
    // Its state is told in the user's language only: that of the node is not.
    const { isHomeLocked } = await import('../home-lock.ts')
    const active = installed && (await isHomeLocked(this.#config.home))
    const enabled = installed && !/<Settings>[^]*<Enabled>false<\/Enabled>/.test(stdout)
    return { manager: this.name, installed, enabled, active, file: `\\${this.#task}` }
  }

  logs(lines: number, follow: boolean, output: Output): Promise<void> {
    return printLog(this.#config.home, lines, follow, output)
  }

  get #task(): string {
    return serviceName(this.#kind)
  }
}
