import { unwatchFile, watchFile } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { configFile, resolveConfig, writeConfig, type Config, type ConfigPatch } from '../config/index.ts'
import { CommandError, EXIT } from './errors.ts'

/** How often a running node looks for a change of its limits, in milliseconds. */
const LOOK_INTERVAL_MS = 500

/** Settings that a running node takes up at once. */
export const LIVE_SETTINGS = [
  'slots',
  'weights',
  'hours',
  'timeZone',
  'serveModels',
  'tokensPerDay',
  'tokensPerMonth',
  'memoryShare',
  'onBattery',
  'whileInUse',
  'idleMinutes',
  'creditLine',
  'watts',
  'kwhCents'
] as const satisfies (keyof ConfigPatch)[]

export type LiveName = (typeof LIVE_SETTINGS)[number]

export type LiveConfig = Pick<Config, LiveName>

/** Changes of live settings; null resets one to its default. */
export type LivePatch = Partial<Record<LiveName, unknown>>

/** Whether a name is one of a live setting. */
export function isLive(name: string): name is LiveName {
  return (LIVE_SETTINGS as readonly string[]).includes(name)
}

/** The live settings in a home's config.json, whatever flags and variables say. Throws ConfigError. */
export function liveInFile(home: string): LiveConfig {
  return liveOf(resolveConfig({ flags: { home }, env: {}, homeDir: home }))
}

/** Writes live settings to a home's config.json: all, or none. Throws ConfigError. */
export async function writeLive(home: string, patch: LivePatch): Promise<void> {
  const fields = Object.entries(patch).map(([name, value]) => [name, value ?? undefined])
  await writeConfig(home, Object.fromEntries(fields) as ConfigPatch)
}

/**
 * The live settings in force. Follows config.json, so that commands change a node that runs; except for settings that a
 * flag or a variable gives, for those come first.
 */
export class LiveSettings {
  readonly pinned: readonly LiveName[]
  readonly #config: Config
  readonly #onError: (err: unknown) => void
  readonly #listeners = new Set<() => void>()
  #current: LiveConfig

  constructor(config: Config, onError: (err: unknown) => void) {
    this.#config = config
    this.#onError = onError
    this.#current = liveOf(config)
    const kept = liveInFile(config.home)
    this.pinned = LIVE_SETTINGS.filter((name) => !isDeepStrictEqual(config[name], kept[name]))
    // By its times, as friends are followed.
    watchFile(configFile(config.home), { interval: LOOK_INTERVAL_MS, persistent: false }, this.#onFileChange)
  }

  get current(): LiveConfig {
    return this.#current
  }

  /** Writes changes, and takes them up at once. Throws ConfigError and CommandError. */
  async change(patch: LivePatch): Promise<void> {
    const pinned = Object.keys(patch).find((name) => (this.pinned as readonly string[]).includes(name))
    if (pinned !== undefined)
      throw new CommandError(
        `${pinned} is set by a flag or variable of the running node: restart it without, and change it then`,
        EXIT.usage
      )
    await writeLive(this.#config.home, patch)
    this.#read()
  }

  /** Calls back after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  stop(): void {
    unwatchFile(configFile(this.#config.home), this.#onFileChange)
  }

  #read(): void {
    const pinned = Object.fromEntries(this.pinned.map((name) => [name, this.#config[name]]))
    const next: LiveConfig = { ...liveInFile(this.#config.home), ...pinned }
    if (isDeepStrictEqual(next, this.#current)) return
    this.#current = next
    for (const listener of this.#listeners) listener()
  }

  readonly #onFileChange = (): void => {
    try {
      this.#read()
    } catch (err) {
      // Somebody is editing the file: the limits stay what they were until it can be read.
      this.#onError(err)
    }
  }
}

function liveOf(config: Config): LiveConfig {
  return Object.fromEntries(LIVE_SETTINGS.map((name) => [name, config[name]])) as unknown as LiveConfig
}
