import type { PeerId } from '@libp2p/interface'
import type { QueryEvent, SingleKadDHT } from '@libp2p/kad-dht'
import { requireMembers } from './members.ts'

/**
 * Most providers taken of one answer: one fewer than those at which kad-dht ends a look-up, so that no server alone
 * can end it with providers that it made up, before others have answered.
 */
const MAX_PROVIDERS = 19

/** Most closer peers taken of one answer: as many as an honest one names (kad-dht's k). */
const MAX_CLOSER = 20

/** By what kad-dht asks others; not in its public type. */
interface Network {
  sendRequest(to: PeerId, message: object, options: object): AsyncGenerator<QueryEvent, void, undefined>
}

/** Takes no more of an answer than an honest server need say. Of many providers others are taken each time. */
export function boundAnswers(dht: SingleKadDHT): SingleKadDHT {
  requireMembers('@libp2p/kad-dht', dht, ['network.sendRequest()'])
  const { network } = dht as unknown as { network: Network }
  const sendRequest = network.sendRequest.bind(network)
  network.sendRequest = async function* (...args) {
    for await (const event of sendRequest(...args)) {
      if (event.name !== 'PEER_RESPONSE') yield event
      else {
        const closer = event.closer.slice(0, MAX_CLOSER)
        yield { ...event, closer, providers: sample(event.providers, MAX_PROVIDERS) }
      }
    }
  }
  return dht
}

function sample<T>(all: T[], count: number): T[] {
  if (all.length <= count) return all
  const left = [...all]
  return Array.from({ length: count }, () => left.splice(Math.floor(Math.random() * left.length), 1)).flat()
}
