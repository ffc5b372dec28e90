import type { ComponentLogger } from '@libp2p/interface'
import type { Config } from '../config/index.ts'
import type { Tracker } from '../tracker/index.ts'

/** Starts the tracker that the settings ask for; undefined where they ask for none. Throws TrackerStartError. */
export async function startTracker(config: Config, logger: ComponentLogger): Promise<Tracker | undefined> {
  if (!config.serveTracker) return undefined
  const { trackerHost, trackerPort, trackerCert, trackerKey, trackerBehindProxy } = config
  const { Tracker } = await import('../tracker/index.ts')
  const tracker = new Tracker(
    {
      host: trackerHost,
      port: trackerPort,
      ...(trackerCert === undefined ? {} : { certFile: trackerCert }),
      ...(trackerKey === undefined ? {} : { keyFile: trackerKey }),
      behindProxy: trackerBehindProxy
    },
    { log: logger.forComponent('lobstah:tracker') }
  )
  await tracker.start()
  return tracker
}
