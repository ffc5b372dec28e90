import { gateway, type Gateway } from '../../../http-gateway/index.ts'
import { ollamaEngine, type Engine } from '../../../node/engines/index.ts'
import type { Lobstah } from '../../../node/lobstah.ts'
import { startOllamaServer, type OllamaServer } from '../engines/ollama-server.ts'
import { stubOwner } from './stub-owner.ts'
import { Mesh, addressesOf, contributorsKnown } from '../mesh.ts'

/** A gateway on a free port over a real node; not started. */
export function gatewayOf(node: Lobstah): Gateway {
  const quiet = (): void => undefined
  return gateway({ port: 0 })({
    consumer: node.consumer,
    ledger: node.ledger,
    identity: { peer: node.peer, publicKey: '' },
    capacity: () => ({ contributing: false, slots: 0, active: 0, queued: 0, models: [] }),
    mesh: () => ({ joins: true, connected: node.libp2p.getPeers().length, meeting: 0 }),
    owner: stubOwner(),
    addresses: () => [],
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet }
  })
}

/** A gateway of a node that asks another over a relay, which has a fake Ollama or a test's own engine. */
export class MeshGateway {
  readonly mesh: Mesh
  readonly http: Gateway
  readonly #ollama: OllamaServer | undefined

  private constructor(mesh: Mesh, http: Gateway, ollama?: OllamaServer) {
    this.mesh = mesh
    this.http = http
    this.#ollama = ollama
  }

  static async start(own?: Engine): Promise<MeshGateway> {
    const mesh = new Mesh()
    const ollama = own === undefined ? await startOllamaServer() : undefined
    const bootstrap = addressesOf(await mesh.relay())
    const engine = own ?? ollamaEngine({ url: ollama?.url ?? '' })
    await mesh.node({ bootstrap, engine, contribute: true, slots: 4, listen: ['/p2p-circuit'], punch: false })
    const node = await mesh.node({ bootstrap, punch: false })
    await contributorsKnown(node, 1)
    const http = gatewayOf(node)
    await http.start()
    return new MeshGateway(mesh, http, ollama)
  }

  async stop(): Promise<void> {
    await this.http.stop()
    await this.mesh.stop()
    await this.#ollama?.close()
  }
}
