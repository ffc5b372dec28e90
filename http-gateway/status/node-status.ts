import type { FastifyInstance } from 'fastify'
import type { GatewayContext } from '../context.ts'

/** What the node tells about itself: `/healthz`, `/balance`, `/peers`, `/pubkey`, `/capacity`, `/mesh`. */
export function nodeStatus(app: FastifyInstance, { components }: GatewayContext, done: () => void): void {
  const { addresses, capacity, consumer, identity, ledger, mesh } = components
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/balance', () => ledger.balance())
  app.get('/peers', () => ({ peers: consumer.peers() }))
  app.get('/pubkey', () => ({ ...identity, addresses: addresses() }))
  app.get('/capacity', () => capacity())
  app.get('/mesh', () => mesh())
  done()
}
