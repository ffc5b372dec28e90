import { join } from 'node:path'
import { addKey, readKeys, removeKey, type KeyLimits } from '../../../http-gateway/index.ts'
import { TIERS, tier } from '../../../protocols/index.ts'
import type { Config } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { credits, table, type Output } from '../output.ts'

/** Flags of `keys add`. */
export interface KeyFlags {
  /** Names of models, by commas. */
  models?: string
  /** `60/min`, or a number. */
  rate?: string
  /** Credits in a day. */
  spend?: string
  /** The most urgent tier of its requests. */
  tier?: string
}

/** Where a home keeps the hashes of its API keys. */
export function keysFile(home: string): string {
  return join(home, 'keys.json')
}

/** Makes an API key and prints it, once. */
export async function addApiKey(
  config: Config,
  name: string,
  flags: KeyFlags,
  output: Output
): Promise<void> {
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new CommandError(
      "A key's name is up to 64 letters, digits, dots, dashes and underscores",
      EXIT.usage
    )
  const limits = toLimits(flags)
  const key = await addKey(keysFile(config.home), name, limits)
  output.result({ name, key, ...limits }, () => key)
  output.note('Copy it now: only its hash is stored. From now on every request needs a key.')
}

/** Prints the API keys' names and limits. */
export async function listApiKeys(config: Config, output: Output): Promise<void> {
  const keys = await readKeys(keysFile(config.home))
  const shown = keys.map(({ scrypt: _hash, ...key }) => key)
  output.result(shown, () => {
    if (shown.length === 0) return 'There are no API keys. Make one: lobstah-node keys add <name>'
    const rows = shown.map(({ name, createdAt, models, perMinute, spendPerDay, tier: most }) => [
      name,
      createdAt,
      models?.join(' ') ?? 'all',
      perMinute === undefined ? '' : String(perMinute),
      spendPerDay === undefined ? '' : credits(spendPerDay),
      most ?? ''
    ])
    return table([['NAME', 'MADE', 'MODELS', 'REQUESTS/MIN', 'CREDITS/DAY', 'TIER'], ...rows])
  })
}

/** Removes an API key; a running node notices within a second. */
export async function removeApiKey(config: Config, name: string, output: Output): Promise<void> {
  await removeKey(keysFile(config.home), name)
  output.result({ removed: name }, () => `Removed ${name}.`)
}

function toLimits({ models, rate, spend, tier: urgency }: KeyFlags): KeyLimits {
  const names = models?.split(',').map((name) => name.trim())
  if (names?.includes('') === true)
    throw new CommandError('flag --models: expected names of models, by commas', EXIT.usage)
  const most = tier.optional().safeParse(urgency)
  if (!most.success) throw new CommandError(`flag --tier: expected one of ${TIERS.join(', ')}`, EXIT.usage)
  return {
    ...(most.data === undefined ? {} : { tier: most.data }),
    ...(names === undefined ? {} : { models: names }),
    ...(rate === undefined ? {} : { perMinute: toNumber('--rate', rate, /^([1-9]\d*)(?:\/min)?$/) }),
    ...(spend === undefined
      ? {}
      : { spendPerDay: Math.round(toNumber('--spend', spend, /^(\d+(?:\.\d{1,6})?)$/) * 1_000_000) })
  }
}

function toNumber(flag: string, text: string, pattern: RegExp): number {
  const number = pattern.exec(text)?.[1]
  if (number !== undefined) return Number(number)
  const example = flag === '--rate' ? '60/min' : '100, in credits a day'
  throw new CommandError(`flag ${flag}: expected a number, such as ${example}`, EXIT.usage)
}
