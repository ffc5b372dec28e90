import { once } from 'node:events'
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { Config } from '../../config/index.ts'
import { chooseEngine } from '../choose-engine.ts'
import { because, fail, ok, skip, warn, type Finding } from '../diagnosis.ts'
import { diagnoseMesh } from '../diagnose-mesh.ts'
import { CommandError } from '../errors.ts'
import { accessWarnings, meshConfig, type MeshConfig } from '../mesh-config.ts'
import type { Output } from '../output.ts'
import { readRuntime, type Runtime } from '../runtime-file.ts'

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL', skip: '-   ' }

/** Looks at everything that a node needs and says what is wrong and what to do. Throws CommandError when something is. */
export async function doctor(settings: Config, env: NodeJS.ProcessEnv, output: Output): Promise<void> {
  const config = await meshConfig(settings)
  const runtime = await runningNode(config)
  const findings = [
    await engine(config, env),
    ...(await ports(config, runtime)),
    ...(await diagnoseMesh(config, runtime)),
    ...accessWarnings(config).map((text) => warn('access', text, 'see above'))
  ]
  output.result(findings, () =>
    findings
      .map(({ check, status, detail, remedy }) => {
        const line = `${MARKS[status]}  ${check.padEnd(10)} ${detail}`
        return remedy === undefined || remedy === 'see above'
          ? line
          : `${line}\n      ${' '.repeat(10)} → ${remedy}`
      })
      .join('\n')
  )
  const failed = findings.filter(({ status }) => status === 'fail').length
  if (failed > 0) throw new CommandError(`${failed} of ${findings.length} checks failed: see above`)
}

/** What the node of this home wrote, if it is still alive. */
async function runningNode({ home }: Config): Promise<Runtime | undefined> {
  const runtime = await readRuntime(home)
  try {
    if (runtime !== undefined) process.kill(runtime.pid, 0)
    return runtime
  } catch {
    return undefined
  }
}

async function engine(config: MeshConfig, env: NodeJS.ProcessEnv): Promise<Finding> {
  if (config.engine === 'none') return skip('engine', 'none is wanted')
  try {
    const chosen = await chooseEngine(config, env)
    if (chosen === undefined) return skip('engine', 'nobody would use one')
    try {
      const models = await chosen.engine.models()
      if (models.length > 0) return ok('engine', `${chosen.reason}: ${models.map(({ id }) => id).join(', ')}`)
      return warn(
        'engine',
        `${chosen.reason}: it has no models`,
        'give it one, such as: ollama pull llama3.2'
      )
    } finally {
      await chosen.engine.close()
    }
  } catch (err) {
    return fail('engine', because(err), 'start it, or choose another with --engine')
  }
}

async function ports(config: MeshConfig, runtime: Runtime | undefined): Promise<Finding[]> {
  const wanted = [
    ...(config.gateway
      ? [['gateway', config.gatewayHost, config.gatewayPort, '--gateway-port'] as const]
      : []),
    ...(config.listen ?? []).flatMap((text) => {
      const [host, transport] = multiaddr(text).getComponents()
      return transport?.name === 'tcp' && host?.value !== undefined
        ? [['peers', host.value, Number(transport.value), '--listen'] as const]
        : []
    })
  ]
  return await Promise.all(
    wanted.map(async ([use, host, port, flag]) => {
      if (port === 0) return ok('port', `any free one for ${use}`)
      if (runtime !== undefined)
        return ok('port', `${port} for ${use}: this home's node runs (pid ${runtime.pid})`)
      const problem = await listenProblem(host, port)
      if (problem === undefined) return ok('port', `${port} on ${host} is free for ${use}`)
      return fail(
        'port',
        `${port} on ${host} cannot be had for ${use}: ${problem}`,
        `choose another: ${flag}`
      )
    })
  )
}

async function listenProblem(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return undefined
  } catch (err) {
    return because(err)
  } finally {
    server.close()
  }
}
