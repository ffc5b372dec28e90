import { Option } from 'commander'
import { describeConfig, type SettingName } from '../config/index.ts'

/** The sections of the help and their settings; all other settings come under "This program". */
const GROUPS: Record<string, readonly SettingName[]> = {
  'Join, serve, relay:': [
    'bootstrap',
    'contribute',
    'relay',
    'listen',
    'announce',
    'mdns',
    'discover',
    'tracker',
    'nostr',
    'advertise',
    'lanOnly',
    'upnp',
    'loopbackPeers',
    'stunPort',
    'relayLimits',
    'friends',
    'serveAccess',
    'askAccess'
  ],
  'A tracker:': [
    'serveTracker',
    'trackerHost',
    'trackerPort',
    'trackerCert',
    'trackerKey',
    'trackerBehindProxy'
  ],
  'The engine:': [
    'engine',
    'engineUrl',
    'engineKey',
    'modelFile',
    'threads',
    'contextLength',
    'slots',
    'queue',
    'weights'
  ],
  'The gateway:': [
    'gateway',
    'gatewayHost',
    'gatewayPort',
    'apiKeys',
    'allowedHosts',
    'allowedOrigins',
    'gatewayCert',
    'gatewayKey'
  ],
  'Models and their names:': [
    'alias',
    'petnames',
    'fallback',
    'fallbackAfterMs',
    'lastResort',
    'lastResortKeyFile',
    'lastResortModels'
  ],
  'Answers and credits:': ['resume', 'prices', 'maxPrice', 'creditLine']
}

/** A flag for each setting; settings that are on by default get a `--no-` form. */
export function settingFlags(): Option[] {
  const flags = describeConfig().filter(({ flag }) => flag !== '')
  return flags.map(({ name, flag, type, text, default: value, env }) => {
    const fallback = value === '' || value === '{}' || type === 'boolean' ? '' : ` (default: ${value})`
    const hint = `${text}${fallback} [${env}]`
    const option =
      type !== 'boolean'
        ? new Option(`${flag} ${valueOf(name, type)}`, hint).argParser(collect(type))
        : new Option(
            value === 'true' ? flag.replace('--', '--no-') : flag,
            value === 'true' ? `Do not ${hint.charAt(0).toLowerCase()}${hint.slice(1)}` : hint
          )
    return option.helpGroup(groupOf(name))
  })
}

function groupOf(setting: string): string {
  const found = Object.entries(GROUPS).find(([, names]) => (names as readonly string[]).includes(setting))
  return found?.[0] ?? 'This program:'
}

/** Only `--tracker` may go without a value: see `relay --tracker`. */
function valueOf(name: string, type: string): string {
  return name === 'tracker' ? '[url]' : `<${type === 'pairs' ? 'name=value' : type}>`
}

/** Flags that take a list or pairs may be repeated. */
function collect(type: string): (value: string, previous: unknown) => unknown {
  return (value, previous) =>
    type === 'list' || type === 'pairs' ? [...((previous as string[] | undefined) ?? []), value] : value
}
