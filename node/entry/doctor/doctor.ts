import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { Config } from '../../config/index.ts'
import { chooseEngine } from '../choose-engine.ts'
import { because, fail, ok, skip, warn, type Finding } from './diagnosis.ts'
import { diagnoseMesh } from './diagnose-mesh.ts'
import { diagnoseOwner } from './diagnose-owner.ts'
import { CommandError } from '../errors.ts'
import { accessWarnings, meshConfig, type MeshConfig } from '../mesh-config.ts'
import type { Output } from '../output.ts'
import { readRunning, type Runtime } from '../runtime-file.ts'

/** Longest wait for an engine's list of models, in milliseconds. */
const PATIENCE_MS = 10_000

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL', skip: '-   ' }

/** Looks at everything that a node needs and says what is wrong and what to do. Throws CommandError when something is. */
export async function doctor(settings: Config, env: NodeJS.ProcessEnv, output: Output): Promise<void> {
  const config = await meshConfig(settings)
  const runtime = await readRunning(config.home)
  const { findings: ofPorts, free } = await ports(config, runtime)
  const findings = [
    await engine(config, env),
    ...ofPorts,
    ...(await diagnoseMesh(free, runtime)),
    ...(config.contribute ? await diagnoseOwner(config, env) : []),
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

async function engine(config: MeshConfig, env: NodeJS.ProcessEnv): Promise<Finding> {
  if (config.engine === 'none') return skip('engine', 'none is wanted')
  try {
    const chosen = await chooseEngine(config, env)
    if (chosen === undefined) return skip('engine', 'nobody would use one')
    try {
      if (chosen.absent === true) {
        return config.contribute || config.engine !== 'auto'
          ? fail(
              'engine',
              chosen.reason,
              'start Ollama (ollama serve), or name an engine: --engine, --model-file'
            )
          : skip('engine', chosen.reason)
      }
      const models = await chosen.engine.models({ signal: AbortSignal.timeout(PATIENCE_MS) })
      const notes = chosen.engine.notes?.() ?? []
      if (models.length > 0) {
        const detail = `${chosen.reason}: ${models.map(({ id }) => id).join(', ')}`
        return notes.length === 0 ? ok('engine', detail) : warn('engine', detail, notes.join('; '))
      }
      return warn(
        'engine',
        `${chosen.reason}: it has no models`,
        'install one, such as: ollama pull llama3.2'
      )
    } finally {
      await chosen.engine.close()
    }
  } catch (err) {
    return fail('engine', because(err), 'start it, or choose another with --engine')
  }
}

/** Looks at the ports, and leaves out of `listen` the addresses that cannot be had: the mesh is looked at without. */
async function ports(
  config: MeshConfig,
  runtime: Runtime | undefined
): Promise<{ findings: Finding[]; free: MeshConfig }> {
  const findings = [...(config.gateway ? [await gatewayPort(config, runtime)] : [])]
  const { listen } = config
  if (listen === undefined) return { findings, free: config }
  const free: string[] = []
  for (const text of listen) {
    const finding = await peersPort(text, runtime)
    if (finding?.status !== 'fail') free.push(text)
    if (finding !== undefined) findings.push(finding)
  }
  return { findings, free: { ...config, listen: free } }
}

async function gatewayPort(
  { gatewayHost: host, gatewayPort: port }: MeshConfig,
  runtime: Runtime | undefined
): Promise<Finding> {
  if (runtime !== undefined)
    return ok(
      'port',
      `the gateway is ${runtime.gateway ?? 'off'}: this home's node runs (pid ${runtime.pid})`
    )
  if (port === 0) return ok('port', 'any free one for gateway')
  return portFinding('gateway', host, port, await problemOfTcp(host, port), '--gateway-port')
}

/** Undefined for what is no port of this machine's. */
async function peersPort(text: string, runtime: Runtime | undefined): Promise<Finding | undefined> {
  if (text.includes('/p2p-circuit')) return undefined
  const [host, transport] = multiaddr(text).getComponents()
  if (host?.value === undefined || (transport?.name !== 'tcp' && transport?.name !== 'udp')) return undefined
  const port = Number(transport.value)
  if (port === 0) return ok('port', 'any free one for peers')
  const listened = `/${transport.name}/${port}/`
  if (runtime?.addresses.some((address) => address.includes(listened)) === true)
    return ok('port', `${port} for peers: this home's node runs (pid ${runtime.pid})`)
  const problem =
    transport.name === 'tcp'
      ? await problemOfTcp(host.value, port)
      : await problemOfUdp(host.name === 'ip6' ? 'udp6' : 'udp4', host.value, port)
  return portFinding('peers', host.value, port, problem, '--listen')
}

function portFinding(
  use: string,
  host: string,
  port: number,
  problem: string | undefined,
  flag: string
): Finding {
  if (problem === undefined) return ok('port', `${port} on ${host} is free for ${use}`)
  return fail('port', `${port} on ${host} cannot be had for ${use}: ${problem}`, `choose another: ${flag}`)
}

async function problemOfTcp(host: string, port: number): Promise<string | undefined> {
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

async function problemOfUdp(
  type: 'udp4' | 'udp6',
  address: string,
  port: number
): Promise<string | undefined> {
  const socket = createSocket(type)
  try {
    socket.bind({ address, port, exclusive: true })
    await once(socket, 'listening')
    return undefined
  } catch (err) {
    return because(err)
  } finally {
    socket.close()
  }
}
