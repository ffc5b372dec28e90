import { join } from 'node:path'
import { gateway, type Gateway } from '../../http-gateway/index.ts'
import { JobStore, storageKey } from '../jobs/index.ts'
import type { Lobstah } from '../lobstah.ts'
import { keysFile } from './commands/keys.ts'
import { limitsDesk } from './limits-desk.ts'
import type { Parts } from './node-process.ts'
import { ownerDesk } from './owner-desk.ts'
import { finds } from './rendezvous-settings.ts'

/** Keeps files and batches, sealed with a key derived from the node's own. */
function jobStore({ config, identity, log }: Parts): JobStore {
  return new JobStore(
    {
      file: join(config.home, 'jobs.sqlite'),
      key: storageKey(identity.privateKey.raw.subarray(0, 32)),
      diskBytes: config.jobLimits.diskBytes
    },
    { onError: (err) => log.gateway.error('job store', { error: String(err) }) }
  )
}

/** `token` admits the commands of the home's owner. */
export function buildGateway(parts: Parts, lobstah: Lobstah, token: string, env: NodeJS.ProcessEnv): Gateway {
  const { config, identity, log, metrics, drainMs, friends, engine, recentLog, history: past } = parts
  return gateway({
    host: config.gatewayHost,
    port: config.gatewayPort,
    allowedHosts: [...config.allowedHosts],
    allowedOrigins: [...config.allowedOrigins],
    apiKeys: [...config.apiKeys],
    keysFile: keysFile(config.home),
    spendingFile: join(config.home, 'spending.json'),
    token,
    ...(config.gatewayCert === undefined ? {} : { certFile: config.gatewayCert }),
    ...(config.gatewayKey === undefined ? {} : { keyFile: config.gatewayKey }),
    jobLimits: config.jobLimits,
    drainMs
  })({
    ...(config.jobs ? { jobs: jobStore(parts) } : {}),
    consumer: lobstah.consumer,
    ledger: lobstah.ledger,
    identity: { peer: lobstah.peer, publicKey: identity.publicKey },
    capacity: () => {
      const { models = [], ...load } = lobstah.contributor?.capacity() ?? { slots: 0, active: 0, queued: 0 }
      return { contributing: config.contribute, ...load, models: models.map(({ id }) => id) }
    },
    mesh: () => ({
      joins: config.bootstrap.length > 0 || finds(config),
      connected: lobstah.libp2p.getPeers().length,
      meeting: lobstah.directory.meeting
    }),
    owner: limitsDesk({
      owner: parts.owner,
      live: parts.live,
      ledger: lobstah.ledger,
      contributing: config.contribute && lobstah.contributor !== undefined,
      capacity: () => lobstah.contributor?.capacity()
    }),
    registry: metrics,
    links: () => lobstah.links(),
    served: {
      list: () => lobstah.contributor?.served() ?? [],
      stop: (id) => lobstah.contributor?.stopOrder(id) === true
    },
    history: past,
    isFriend: (peer) => friends.has(peer),
    about: () => ({
      ...(config.membership === undefined ? {} : { mesh: config.membership.name }),
      ...(engine === undefined ? {} : { engine: engine.engine.name }),
      relaying: config.relay
    }),
    desk: ownerDesk(config, env, recentLog),
    addresses: () => lobstah.libp2p.getMultiaddrs().map(String),
    logger: log.gateway
  })
}
