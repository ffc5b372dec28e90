import { z } from 'zod'

const count = z.number().int().min(0)

/** Use of a relay since its start. */
const relayReport = z.object({
  reservations: count,
  maxReservations: count,
  /** Circuits that are open now, and that were opened. */
  circuits: count,
  circuitsOpened: count,
  bytes: count,
  refusedReservations: count,
  refusedCircuits: count,
  /** The peers that sent most. */
  peers: z.array(z.object({ peer: z.string(), streams: count, bytes: count, refused: count }))
})

/** A running node's report to its owner's commands. */
export const nodeReport = z.object({
  kind: z.enum(['node', 'relay']),
  version: z.string(),
  pid: z.number().int(),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  stopping: z.boolean(),
  peer: z.string(),
  mesh: z.string().nullable(),
  private: z.boolean(),
  gateway: z.string().nullable(),
  addresses: z.array(z.string()),
  /** Connected peers. */
  connected: count,
  /** Contributors that can be asked. */
  contributors: count,
  engine: z.string().nullable(),
  /** Absent in a node that serves nobody. */
  serving: z
    .object({ access: z.string(), models: z.array(z.string()), slots: count, active: count, queued: count })
    .nullable(),
  /** In micro-credits; absent in a relay, which has no ledger. */
  credits: z.object({ earned: z.number(), spent: z.number(), net: z.number() }).nullable(),
  relay: relayReport.nullable()
})

export type NodeReport = z.infer<typeof nodeReport>
export type RelayReport = z.infer<typeof relayReport>
