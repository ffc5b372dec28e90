import type { FastifyInstance } from 'fastify'
import type { GatewayContext } from '../context.ts'

/** What the node tells about itself: `/healthz`, `/balance`, `/peers`, `/pubkey`, `/capacity`. */
export function nodeStatus(app: FastifyInstance, { components }: GatewayContext, done: () => void): void {
  const { addresses, capacity, consumer, identity, ledger } = components
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/balance', () => ledger.balance())
  app.get('/peers', () => ({ peers: consumer.peers() }))
  app.get('/pubkey', () => ({ ...identity, addresses: addresses() }))
  app.get('/capacity', () => capacity())
  done()
}
