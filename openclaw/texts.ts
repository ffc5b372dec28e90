import type { Choices } from './choices.ts'
import { LEAST_CONTEXT, type GridModel } from './models.ts'

/** The meaning of the two opt-ins, in two sentences each, and their dangers. */
export const TEXTS = {
  safety: [
    'The grid is made of other people’s computers.',
    'A model there can answer with tool calls, which OpenClaw then runs on this machine: use a restrictive tools ' +
      'profile (openclaw config set tools.profile minimal) unless you trust every peer that you ask.',
    'The owner of the machine that runs a model can read the prompts that it is sent: send strangers nothing private.',
    'By default the node asks and serves friends only.'
  ].join('\n\n'),
  discover:
    'Discover: your node joins a mesh and asks the models of its peers when this machine’s own cannot answer. ' +
    'Each answer is paid for in credits that both sides sign, and the peer who answers can read the prompt.',
  contribute:
    'Contribute: your node serves this machine’s models to peers, while OpenClaw runs it, and earns credits. ' +
    'Your computer then works for others, and its peer id and addresses become known to the mesh.',
  places:
    'Trackers and Nostr relays are public lists of peers. They see your IP address; announcing yourself also shows ' +
    'your peer id, and in a public mesh your addresses and models, to everybody.',
  join:
    'An invite (lobstah2…), which a member of the mesh makes with "lobstah-node invite"; or the address of one of ' +
    'its relays, which ends in /p2p/<peer id>. Leave it empty where this machine has joined the mesh already.'
}

/** Asks the questions again, and looks for models. */
export const ONBOARD = 'openclaw models auth login --provider lobstah --method custom --set-default'

/** The outcome of onboarding. */
export interface Outcome {
  /** How many models can be reached; undefined where no node answers. */
  found: number | undefined
  /** The model that OpenClaw uses by default from now on. */
  preferred: GridModel | undefined
  /** The gateway wants another API key. */
  refused: boolean
  /** OpenClaw can start a node itself. */
  starts: boolean
  /** The node has a mesh to join. */
  joins: boolean
}

/** The notes shown after onboarding. */
export function afterwards(
  choices: Choices,
  { found, preferred, refused, starts, joins }: Outcome
): string[] {
  const { baseUrl, discover, contribute, bootstrap, access, friends } = choices
  const finds = choices.find && choices.tracker.length + choices.nostr.length > 0
  const notes: string[] = []
  if (refused) {
    notes.push(
      `A node answers at ${baseUrl} but rejects this API key: set LOBSTAH_API_KEY, or give it by ` +
        `--custom-api-key, and onboard again: ${ONBOARD}`
    )
  } else if (!starts && found === undefined) {
    notes.push(
      `No lobstah-node answers at ${baseUrl}, and OpenClaw cannot start one: install the program ` +
        '(see Install in its README) and onboard again, or start it yourself.'
    )
  } else if (found === undefined || found === 0) {
    notes.push(
      `No model is available through ${baseUrl}. Start an engine on this machine` +
        (discover ? ', or wait until a contributor is up' : ', or say yes to discover') +
        `; then onboard again: ${ONBOARD}`
    )
  }
  if (preferred !== undefined && preferred.definition.contextWindow < LEAST_CONTEXT) {
    const { id, contextWindow } = preferred.definition
    notes.push(
      `${id} holds ${contextWindow} tokens, too few for an agent's first turn: restart its contributor with ` +
        'lobstah-node --contribute --context-length 32768, or name a larger model.'
    )
  }
  if (!starts && found !== undefined && (discover || contribute)) {
    notes.push('The node is not started by OpenClaw: what you chose must be among its own flags.')
  }
  if ((discover || contribute) && bootstrap.length === 0 && !joins && !finds) {
    notes.push('Without an invite or address the node finds no peers: onboard again when you have one.')
  }
  if ((discover || contribute) && access === 'friends' && friends.length === 0) {
    notes.push('The node asks and serves friends only, and has none yet: onboard again with their peer ids.')
  }
  if (discover && access === 'mesh') {
    notes.push('Any peer of the mesh may answer: use a restrictive tools profile (tools.profile "minimal").')
  }
  return notes
}

/** Tells how to find a model that is unknown. */
export function unknownModelHint(model: string, baseUrl: string): string {
  return (
    `Nobody serves ${model} at ${baseUrl} now, or no lobstah-node runs there. ` +
    'See what a running node finds: openclaw models list --provider lobstah --refresh. ' +
    `Have OpenClaw start a node, join a mesh and look for its models: ${ONBOARD}`
  )
}
