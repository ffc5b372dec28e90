import {
  addressProblem,
  friendsProblem,
  nostrProblem,
  peersOf,
  split,
  toBaseUrl,
  trackerProblem,
  type Access,
  type Choices,
  type KnownChoices
} from './choices.ts'
import type { Prompter } from './host.ts'
import { takeInvites, type Taken } from './invites.ts'
import type { Place } from './service.ts'
import { TEXTS } from './texts.ts'

/** The answers, and whether the home belongs to a mesh. */
export interface Answers {
  choices: Choices
  joined: boolean
}

interface Asking {
  opts: Record<string, unknown>
  place: Place
  prompter: Prompter
}

/** Asks for all choices, each explained before. */
export async function askChoices(known: KnownChoices, { opts, place, prompter }: Asking): Promise<Answers> {
  await prompter.note(TEXTS.safety, 'Lobstah grid')
  const baseUrl = await prompter.text({
    message: 'Base URL of your node’s gateway',
    initialValue: typeof opts.customBaseUrl === 'string' ? opts.customBaseUrl : known.baseUrl,
    validate: (value) => (toBaseUrl(value) === undefined ? 'expected an http or https URL' : undefined)
  })
  await prompter.note(TEXTS.discover, 'Discover')
  const discover = await prompter.confirm({
    message: 'Discover and ask models of the mesh?',
    initialValue: false
  })
  const find =
    discover &&
    (await prompter.confirm({ message: 'Find peers through trackers or Nostr relays?', initialValue: false }))
  await prompter.note(TEXTS.contribute, 'Contribute')
  const contribute = await prompter.confirm({
    message: 'Contribute this machine’s models?',
    initialValue: false
  })
  const advertise =
    contribute &&
    (await prompter.confirm({
      message: 'Announce this node to trackers or Nostr relays?',
      initialValue: false
    }))
  const places = await askPlaces(known, find || advertise, prompter)
  const opted = { discover, contribute, find, advertise, ...places }
  const choices = { ...known, baseUrl: toBaseUrl(baseUrl) ?? known.baseUrl, ...opted }
  if (!discover && !contribute) return { choices: { ...choices, access: 'friends' }, joined: false }
  await prompter.note(TEXTS.join, 'Join a mesh')
  const taken = await askInvite(known, place, prompter)
  const trust = await askTrust(known, taken, prompter)
  return { choices: { ...choices, ...trust, bootstrap: taken.addresses }, joined: taken.joined }
}

/** Asks for the trackers and Nostr relays, where they are used. */
async function askPlaces(
  known: KnownChoices,
  used: boolean,
  prompter: Prompter
): Promise<Pick<Choices, 'tracker' | 'nostr'>> {
  if (!used) return { tracker: [], nostr: [] }
  await prompter.note(TEXTS.places, 'Trackers and Nostr')
  const tracker = await prompter.text({
    message: 'URLs of trackers, separated by commas',
    initialValue: known.tracker.join(','),
    placeholder: 'https://tracker.example',
    validate: trackerProblem
  })
  const nostr = await prompter.text({
    message: 'URLs of Nostr relays, separated by commas',
    initialValue: known.nostr.join(','),
    placeholder: 'wss://relay.example',
    validate: nostrProblem
  })
  return { tracker: split(tracker), nostr: split(nostr) }
}

/** Asks for an invite or an address until there is one that can be taken, or none. */
async function askInvite(known: KnownChoices, place: Place, prompter: Prompter): Promise<Taken> {
  for (;;) {
    const answer = await prompter.text({
      message: 'Invite or address to join by',
      initialValue: known.bootstrap.join(','),
      placeholder: 'lobstah2… or /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…',
      validate: addressProblem
    })
    const taken = await takeInvites(split(answer), place)
    if (typeof taken !== 'string') return taken
    await prompter.note(taken, 'The invite was not taken')
  }
}

async function askTrust(
  known: KnownChoices,
  taken: Taken,
  prompter: Prompter
): Promise<Pick<Choices, 'access' | 'friends'>> {
  const access = await prompter.select<Access>({
    message: 'Whom do you ask and serve?',
    options: [
      { value: 'friends', label: 'Friends only', hint: 'the peers that you name next' },
      taken.private
        ? {
            value: 'mesh',
            label: 'The members of this private mesh',
            hint: 'all that were let in by an invite'
          }
        : {
            value: 'mesh',
            label: 'Any peer of the mesh',
            hint: 'strangers may read prompts and send tool calls'
          }
    ],
    initialValue: proposedAccess(known, taken)
  })
  if (access === 'mesh') return { access, friends: known.friends }
  const friends = await prompter.text({
    message: 'Peer ids of your friends, separated by commas',
    initialValue: [...new Set([...known.friends, ...peersOf(taken.addresses)])].join(','),
    validate: friendsProblem
  })
  return { access, friends: split(friends) }
}

/** The earlier choice, unless it would leave a member of a private mesh with nobody to ask and to serve. */
function proposedAccess({ access, friends }: KnownChoices, taken: Taken): Access {
  const alone = friends.length === 0 && peersOf(taken.addresses).length === 0
  return access === undefined || (access === 'friends' && taken.private && alone)
    ? defaultAccess(taken)
    : access
}

/** Friends only, but in a private mesh: its members were let in, one by one. */
export function defaultAccess(taken: Taken): Access {
  return taken.private ? 'mesh' : 'friends'
}
