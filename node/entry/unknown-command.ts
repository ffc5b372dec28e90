import { nearestName } from '../config/index.ts'
import { CommandError, EXIT } from './errors.ts'

const RUN = 'did you mean lobstah-node? A node runs without a command'
const STOP = 'did you mean lobstah-node stop?'
const SERVICE = 'did you mean lobstah-node service?'
const SERVE = 'did you mean lobstah-node --contribute?'
const UPDATE =
  'did you mean to upgrade with npm? See Install in README.md; lobstah-node status says which version runs'

/** Names that people try for commands that have another name here, or none. */
const INTENTIONS: Readonly<Record<string, string>> = {
  start: RUN,
  run: RUN,
  serve: RUN,
  server: RUN,
  up: RUN,
  node: RUN,
  daemon: RUN,
  gateway: RUN,
  restart: RUN,
  quit: STOP,
  kill: STOP,
  down: STOP,
  install: SERVICE,
  uninstall: SERVICE,
  enable: SERVICE,
  contribute: SERVE,
  share: SERVE,
  info: 'did you mean lobstah-node status?',
  ps: 'did you mean lobstah-node status?',
  list: 'did you mean lobstah-node models or peers?',
  ls: 'did you mean lobstah-node models or peers?',
  ask: 'did you mean lobstah-node chat?',
  prompt: 'did you mean lobstah-node chat?',
  whoami: 'did you mean lobstah-node identity?',
  id: 'did you mean lobstah-node identity?',
  connect: 'did you mean lobstah-node join, or the flag --bootstrap?',
  bootstrap: 'did you mean lobstah-node join, or the flag --bootstrap?',
  credits: 'did you mean lobstah-node balance?',
  version: 'did you mean lobstah-node --version?',
  update: UPDATE,
  upgrade: UPDATE,
  pull: 'did you mean ollama pull? The engine pulls its models'
}

/** The same for the words within a group, such as `keys create`. */
const SYNONYMS: Readonly<Record<string, string>> = {
  create: 'add',
  new: 'add',
  make: 'add',
  rm: 'remove',
  delete: 'remove',
  del: 'remove',
  revoke: 'remove',
  ls: 'list',
  get: 'show',
  check: 'verify',
  save: 'backup',
  import: 'import-proof'
}

/**
 * The error for a word that is no command: what to say instead, where that can be told. `group` is the word that it
 * follows, empty at the top; `names` are the words possible there.
 */
export function unknownCommand(words: readonly string[], names: readonly string[], group = ''): CommandError {
  const [word = ''] = words
  const called = [...(group === '' ? [] : [group]), ...words.slice(0, group === '' ? 2 : 1)].join(' ')
  const meant = nearestName(word, names) ?? names.find((name) => name === SYNONYMS[word.toLowerCase()])
  const program = group === '' ? 'lobstah-node' : `lobstah-node ${group}`
  const intention = group === '' ? INTENTIONS[word.toLowerCase()] : undefined
  const advice =
    intention ?? (meant === undefined ? `see ${program} --help` : `did you mean ${program} ${meant}?`)
  return new CommandError(`Unknown command "${called}": ${advice}`, EXIT.usage)
}
