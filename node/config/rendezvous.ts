import { z } from 'zod'
import { DEFAULT_TRACKER_HOST, DEFAULT_TRACKER_PORT } from '../tracker/constants.ts'

// Every `error` completes the sentence "expected …".

const flag = z.boolean({ error: 'true or false' })
const text = z.string({ error: 'text' }).min(1, { error: 'text that is not empty' })
const port = z
  .number({ error: 'a port from 0 to 65535' })
  .int({ error: 'a port from 0 to 65535' })
  .min(0, { error: 'a port from 0 to 65535' })
  .max(65_535, { error: 'a port from 0 to 65535' })

/** The most trackers, and the most Nostr relays: each is a connection again and again. */
const MAX_PLACES = 8

/** The URL of a tracker: the setting's, and the argument of `peers sync`. */
export const trackerUrl = plainUrl(/^https?$/, 'the URL of a tracker, such as https://tracker.example')

const nostrUrl = plainUrl(/^wss?$/, 'the URL of a Nostr relay, such as wss://relay.example')

/** The settings by which peers find each other without an address. */
export const rendezvousSettings = {
  discover: flag
    .default(false)
    .describe('Find peers through the trackers and Nostr relays; without it, nothing is fetched from them'),
  tracker: places(trackerUrl)
    .default([])
    .describe(
      'Trackers to announce this node to while it contributes or relays, and to find peers through with --discover'
    ),
  nostr: places(nostrUrl)
    .default([])
    .describe(
      'Nostr relays to announce this node to while it contributes or relays, and to find peers through with --discover'
    ),
  advertise: flag
    .default(true)
    .describe('Announce this node to the trackers and Nostr relays while it contributes or relays'),
  serveTracker: flag.default(false).describe('Run a tracker in this process; relay --tracker does the same'),
  trackerHost: text.default(DEFAULT_TRACKER_HOST).describe('Address the tracker listens on'),
  trackerPort: port.default(DEFAULT_TRACKER_PORT).describe('Port the tracker listens on; 0 picks a free one'),
  trackerCert: text.optional().describe('PEM file with a certificate chain; the tracker then speaks HTTPS'),
  trackerKey: text.optional().describe("PEM file with the private key of the tracker's certificate"),
  trackerBehindProxy: flag
    .default(false)
    .describe('Identify clients of the tracker by the X-Forwarded-For header that its reverse proxy sets')
}

function places(url: z.ZodType<string, string>): z.ZodArray<z.ZodType<string, string>> {
  return z.array(url, { error: 'a list of strings' }).max(MAX_PLACES, { error: `at most ${MAX_PLACES} URLs` })
}

/** A URL without name and password: those would be in the log. */
function plainUrl(protocol: RegExp, error: string): z.ZodType<string, string> {
  return z.url({ protocol, error }).refine(
    (value) => {
      const { username, password, search, hash } = new URL(value)
      return username + password + search + hash === ''
    },
    { error: `${error}, without a user, a query or a fragment` }
  )
}
