import { VERSION } from '../constants.ts'
import type { GatewayContext } from '../context.ts'
import type { GatewayComponents, Link, ServedRequest } from '../types.ts'
import type { OwnRequest } from '../activity/own-requests.ts'
import type { Explanation, ListedModel, PeerStatus } from '../../node/consumer/index.ts'
import type { Balance } from '../../node/ledger/index.ts'
import { BALANCE_AGE_MS, MAX_CANDIDATES, MAX_SHOWN } from './constants.ts'

/** A running request with whom it was asked of, and who else was judged. */
export interface AskedRequest extends OwnRequest {
  /** Contributors that were asked, the latest last. */
  tried: string[]
  /** The candidates as they were judged, the best first. */
  candidates: Explanation['links'][number]['candidates']
}

/** A node's state at one moment, as the dashboard shows it; none of it needs the owner's token. */
export interface DashboardState {
  node: {
    peer: string
    version: string
    /** Milliseconds since 1970. */
    startedAt: number
    addresses: string[]
    /** Whether it joins a mesh, and how many peers it is connected to. */
    joins: boolean
    connected: number
    meeting: number
    /** The mesh's name; absent where the home belongs to none. */
    mesh?: string
    engine?: string
    relaying?: boolean
  }
  capacity: ReturnType<GatewayComponents['capacity']>
  balance: Balance
  peers: (PeerStatus & { friend: boolean })[]
  links: Link[]
  models: Pick<
    ListedModel,
    'id' | 'peers' | 'price' | 'contextLength' | 'capabilities' | 'parameters' | 'quantization'
  >[]
  asked: AskedRequest[]
  served: ServedRequest[]
}

/** Tells the state of a node; the balance, which takes a query, a few seconds old at most. */
export class StateReader {
  readonly #context: Pick<GatewayContext, 'components' | 'ownRequests'>
  readonly #startedAt = Date.now()
  #balance: Promise<Balance> | undefined
  #readAt = -Infinity

  constructor(context: Pick<GatewayContext, 'components' | 'ownRequests'>) {
    this.#context = context
  }

  async read(): Promise<DashboardState> {
    const { components, ownRequests } = this.#context
    const { identity, consumer } = components
    const balance = await this.#currentBalance()
    const isFriend = components.isFriend ?? (() => false)
    const peers = consumer.peers().slice(0, MAX_SHOWN)
    return {
      node: {
        peer: identity.peer,
        version: VERSION,
        startedAt: this.#startedAt,
        addresses: components.addresses().slice(0, MAX_SHOWN),
        ...components.mesh(),
        ...components.about?.()
      },
      capacity: components.capacity(),
      balance: { ...balance, peers: balance.peers.slice(0, MAX_SHOWN) },
      peers: peers.map((peer) => ({ ...peer, friend: isFriend(peer.peer) })),
      links: components.links?.().slice(0, MAX_SHOWN) ?? [],
      models: consumer
        .models()
        .slice(0, MAX_SHOWN)
        .map(({ id, peers: servers, price, contextLength, capabilities, parameters, quantization }) => ({
          id,
          peers: servers,
          price,
          contextLength,
          capabilities,
          parameters,
          ...(quantization === undefined ? {} : { quantization })
        })),
      asked: ownRequests
        .list()
        .slice(0, MAX_SHOWN)
        .map((request) => ({ ...request, ...explained(components, request) })),
      served: components.served?.list().slice(0, MAX_SHOWN) ?? []
    }
  }

  #currentBalance(): Promise<Balance> {
    const now = performance.now()
    if (this.#balance === undefined || now - this.#readAt > BALANCE_AGE_MS) {
      this.#readAt = now
      const balance = this.#context.components.ledger.balance()
      this.#balance = balance
      balance.catch(() => (this.#balance = undefined))
    }
    return this.#balance
  }
}

/** Whom a request was asked of, and who else was judged. */
function explained(
  { consumer }: GatewayComponents,
  { request }: OwnRequest
): Pick<AskedRequest, 'tried' | 'candidates'> {
  const links = (request === undefined ? [] : (consumer.explained?.(request) ?? []))[0]?.links ?? []
  return {
    tried: links.flatMap(({ attempts }) => attempts.map(({ peer }) => peer)),
    candidates: links.at(-1)?.candidates.slice(0, MAX_CANDIDATES) ?? []
  }
}
