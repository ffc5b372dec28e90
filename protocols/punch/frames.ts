import { z } from 'zod'
import { TOKEN_BYTES } from './constants.ts'

/** Ports below belong to servers: they are never probed. */
const port = z.number().int().min(1024).max(65_535)

const candidate = z.object({ address: z.ipv4(), port })

/** An IP address and a UDP or TCP port. */
export type Candidate = z.infer<typeof candidate>

const endpoint = z
  .object({
    observed: z.array(candidate).min(1).max(4),
    local: z.array(candidate).max(4),
    mapping: z.enum(['stable', 'symmetric'])
  })
  .refine(({ observed }) => observed.every(({ address }) => address === observed[0]?.address), {
    error: 'a peer is seen at one address'
  })

/** Where one socket of a peer can be reached. */
export type Endpoint = z.infer<typeof endpoint>

/** IPv6 knows no NAT: where a socket is, there it is reached, if its firewall lets answers in. */
const candidate6 = z.object({ address: z.ipv6(), port })

const endpoints = {
  udp: endpoint.optional(),
  tcp: endpoint.optional(),
  udp6: candidate6.optional(),
  tcp6: candidate6.optional()
}

/** Frames of the initiator. */
export const initiatorFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('offer'),
    token: z.string().regex(new RegExp(`^[0-9a-f]{${TOKEN_BYTES * 2}}$`)),
    ...endpoints
  }),
  z.object({ type: z.literal('start') })
])

export type InitiatorFrame = z.infer<typeof initiatorFrame>

/** The offer: a token and where the initiator can be reached. */
export type PunchOffer = Extract<InitiatorFrame, { type: 'offer' }>

/** Frames of the responder. */
export const responderFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), ...endpoints }),
  z.object({ type: z.literal('started') })
])

export type ResponderFrame = z.infer<typeof responderFrame>

/** The answer: where the responder can be reached. */
export type PunchAnswer = Extract<ResponderFrame, { type: 'answer' }>

/** Ports of a relay's STUN servers. */
export const stunFrame = z.object({
  type: z.literal('stun'),
  udp: z.array(port).min(1).max(4),
  tcp: port.optional()
})

export type StunFrame = z.infer<typeof stunFrame>

/** Asks a relay at which addresses it sees the peer at the other end of a circuit. */
export const whoisFrame = z.object({ type: z.literal('whois'), peer: z.string().max(128) })

export type WhoisFrame = z.infer<typeof whoisFrame>

/** Where a relay sees a peer: the IP addresses of its direct connections; none where the two share no circuit. */
export const seenFrame = z.object({
  type: z.literal('seen'),
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(4)
})

export type SeenFrame = z.infer<typeof seenFrame>
