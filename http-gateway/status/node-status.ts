import type { z } from 'zod'
import { VERSION } from '../constants.ts'
import {
  balanceAnswer,
  capacityAnswer,
  healthAnswer,
  meshAnswer,
  peersAnswer,
  pubkeyAnswer,
  versionAnswer
} from '../openapi/answers.ts'
import { route } from '../route.ts'

/** `GET /healthz`. */
export const healthz = route({
  method: 'GET',
  path: '/healthz',
  summary: 'Health check',
  answer: healthAnswer,
  handle: () => ({ status: 'ok' })
})

/** `GET /health`, as other inference servers call it. */
export const health = route({
  method: 'GET',
  path: '/health',
  summary: 'Health check, under the path that other servers use',
  answer: healthAnswer,
  handle: () => ({ status: 'ok' })
})

/** `GET /version`. */
export const version = route({
  method: 'GET',
  path: '/version',
  summary: 'Version of lobstah-node',
  answer: versionAnswer,
  handle: () => ({ version: VERSION })
})

/** `GET /balance`. */
export const balance = route({
  method: 'GET',
  path: '/balance',
  summary: 'Credits earned and spent, in total and per peer',
  answer: balanceAnswer,
  handle: async ({ components: { ledger, consumer } }): Promise<z.infer<typeof balanceAnswer>> => {
    const sheet = await ledger.balance()
    const paid = new Map(consumer.peers().flatMap((each) => (each.paid ? [[each.peer, each.paid]] : [])))
    if (paid.size === 0) return sheet
    const sum = { credits: 0, atDefault: 0 }
    for (const { credits, atDefault } of paid.values()) {
      sum.credits += credits
      sum.atDefault += atDefault
    }
    const peers = sheet.peers.map((each) => {
      const own = paid.get(each.peer)
      return own === undefined ? each : { ...each, paid: own }
    })
    return { ...sheet, paid: sum, peers }
  }
})

/** `GET /peers`. */
export const peers = route({
  method: 'GET',
  path: '/peers',
  summary: 'The known contributors',
  answer: peersAnswer,
  handle: ({ components }): z.infer<typeof peersAnswer> => ({ peers: components.consumer.peers() })
})

/** `GET /pubkey`. */
export const pubkey = route({
  method: 'GET',
  path: '/pubkey',
  summary: 'Peer id, public key and addresses of this node',
  answer: pubkeyAnswer,
  handle: ({ components: { identity, addresses } }) => ({ ...identity, addresses: addresses() })
})

/** `GET /capacity`. */
export const capacity = route({
  method: 'GET',
  path: '/capacity',
  summary: "Capacity of this node's own engine",
  answer: capacityAnswer,
  handle: ({ components }) => components.capacity()
})

/** `GET /mesh`. */
export const mesh = route({
  method: 'GET',
  path: '/mesh',
  summary: 'Whether this node is in a mesh, and the number of connected peers',
  answer: meshAnswer,
  handle: ({ components }) => components.mesh()
})
