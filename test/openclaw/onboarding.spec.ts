import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { AuthResult, HostConfig, Prompter } from '../../openclaw/host.ts'
import { onboard } from '../../openclaw/onboarding.ts'

const PEER = `12D3KooW${'A'.repeat(44)}`
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

describe('openclaw: the questions', function () {
  this.timeout(30_000)
  let folder: string
  let server: Server
  let baseUrl: string
  let shown: string[]
  /** The gateway wants another key. */
  let refuses = false
  /** The gateway's answers, look by look: the models, and how many contributors have not told theirs. */
  let looks: { models: object[]; meeting: number }[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-onboarding-'))
    // A gateway that runs already, and a program that keeps what it is told.
    server = createServer((request, response) => {
      const { models, meeting } = looks[0] ?? { models: [], meeting: 0 }
      // The node's state is asked last at each look.
      if (request.url === '/mesh' && looks.length > 1) looks.shift()
      const body =
        request.url === '/mesh'
          ? { joins: models.length > 0, meeting }
          : request.url === '/pubkey'
            ? { peer: 'me' }
            : { data: models }
      response.writeHead(refuses ? 401 : 200).end(JSON.stringify(body))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const script = [
      '#!/bin/sh',
      `if [ "$1" = mesh ]; then cat "${folder}/mesh.json"; exit; fi`,
      `echo "$@" >> "${folder}/args"`,
      `invite=$(cat); echo "$invite" >> "${folder}/stdin"`,
      'case "$invite" in',
      '  *old*) echo "lobstah-node: This invite expired" >&2; exit 2;;',
      '  *) echo "{\\"mesh\\":\\"home\\",\\"private\\":true,\\"bootstrap\\":[]}";;',
      'esac'
    ]
    await writeFile(join(folder, 'mesh.json'), JSON.stringify({ mesh: null, private: false }))
    await writeFile(join(folder, 'lobstah-node'), script.join('\n'), { mode: 0o755 })
  })
  after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  /** Answers the wizard; what is not answered gets its default. */
  async function answered(
    answers: { discover?: boolean; contribute?: boolean; invites?: string[]; places?: boolean },
    config: HostConfig = {},
    env: NodeJS.ProcessEnv = { PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) }
  ): Promise<AuthResult> {
    shown = []
    const invites = [...(answers.invites ?? [])]
    const prompter: Prompter = {
      note: (message) => Promise.resolve(void shown.push(message)),
      text: ({ message, initialValue = '', validate }) => {
        shown.push(`${message} [${initialValue}]`)
        const answer = message.startsWith('Base URL')
          ? baseUrl
          : message.startsWith('Invite')
            ? (invites.shift() ?? initialValue)
            : message.startsWith('URLs of trackers')
              ? 'https://tracker.example'
              : initialValue
        assert.equal(validate?.(answer), undefined)
        return Promise.resolve(answer)
      },
      confirm: ({ message, initialValue }) => {
        shown.push(`${message} [${initialValue}]`)
        const answer = message.includes('Nostr')
          ? answers.places
          : message.startsWith('Discover')
            ? answers.discover
            : answers.contribute
        return Promise.resolve(answer ?? initialValue)
      },
      select: <T extends string>({ message, initialValue }: { message: string; initialValue?: T }) => {
        shown.push(`${message} [${initialValue}]`)
        return Promise.resolve(initialValue!)
      },
      progress: () => ({ update: () => undefined, stop: () => undefined })
    }
    return await onboard({ config, env, prompter })
  }
  const kept = ({ configPatch }: AuthResult): unknown =>
    (configPatch.plugins?.entries?.lobstah as { config: unknown }).config
  const args = ({ configPatch }: AuthResult): string =>
    (configPatch.models?.providers?.lobstah as { localService: { args: string[] } }).localService.args.join(
      ' '
    )

  it('say what is dangerous first, explain both opt-ins in two sentences each, and default to no', async () => {
    const result = await answered({})
    assert.match(shown[0]!, /tool calls.*tools\.profile minimal.*read the prompts.*friends only/s)
    assert.match(shown[1]!, /^Base URL .*17475\/v1\]$/)
    for (const [i, word] of [
      [2, 'Discover'],
      [4, 'Contribute']
    ] as const) {
      assert.equal(shown[i]!.match(/\.( |$)/g)?.length, 2, shown[i])
      assert.match(shown[i + 1]!, new RegExp(`^${word} .*\\[false\\]$`))
    }
    assert.equal(shown.length, 6, 'asked for an invite after no and no')
    assert.match(args(result), /--ask-access nobody$/)
  })

  it('ask for an invite after a yes to either, and for friends only by default', async () => {
    for (const yes of [{ discover: true }, { contribute: true }]) {
      const result = await answered({ ...yes, invites: [ADDRESS] })
      assert.deepEqual(shown.slice(-3), [
        'Invite or address to join by []',
        'Whom do you ask and serve? [friends]',
        `Peer ids of your friends, separated by commas [${PEER}]`
      ])
      assert.match(args(result), new RegExp(`--bootstrap ${ADDRESS} .*friends --friends ${PEER}$`))
    }
  })

  it('offer trackers and Nostr with each yes, default to no, and name them only after a yes', async () => {
    await answered({ discover: true, contribute: true })
    const offers = shown.filter((text) => /Nostr/.test(text))
    assert.deepEqual(offers, [
      'Find peers through trackers or Nostr relays? [false]',
      'Announce this node to trackers or Nostr relays? [false]'
    ])
    const result = await answered({ discover: true, places: true })
    assert.ok(shown.includes('URLs of Nostr relays, separated by commas []'), shown.join('\n'))
    assert.ok(!shown.some((text) => text.startsWith('Announce')))
    assert.match(args(result), /--tracker https:\/\/tracker\.example --discover --ask-access/)
    assert.doesNotMatch(args(result), /--nostr/)
    assert.doesNotMatch(result.notes.join('\n'), /finds no peers/)
  })

  it('have the program take an invite by stdin, and keep none of it', async () => {
    const result = await answered({ discover: true, invites: ['lobstah1old', 'lobstah1good'] })
    assert.ok(shown.includes('This invite expired'), shown.join('\n'))
    assert.equal(await readFile(join(folder, 'stdin'), 'utf8'), 'lobstah1old\nlobstah1good\n')
    assert.equal(await readFile(join(folder, 'args'), 'utf8'), 'join - --json\njoin - --json\n')
    assert.doesNotMatch(JSON.stringify(result), /lobstah1/)
    // The members of a private mesh were let in by somebody.
    assert.match(args(result), /--ask-access mesh$/)
  })

  it('keep the private mesh that the home has joined when the invite is left empty', async () => {
    await writeFile(join(folder, 'mesh.json'), JSON.stringify({ mesh: 'home', private: true }))
    try {
      // The earlier choice would leave it with nobody.
      const earlier = { plugins: { entries: { lobstah: { config: { access: 'friends', friends: [] } } } } }
      const { notes, ...result } = await answered({ discover: true, contribute: true }, earlier)
      assert.ok(shown.includes('Whom do you ask and serve? [mesh]'), shown.join('\n'))
      assert.match(args({ notes, ...result }), /--ask-access mesh --contribute --serve-access mesh$/)
      assert.doesNotMatch(notes.join('\n'), /friends only|finds no peers/)
    } finally {
      await writeFile(join(folder, 'mesh.json'), JSON.stringify({ mesh: null, private: false }))
    }
  })

  it('offer what was chosen before as the default', async () => {
    const config = {
      plugins: {
        entries: { lobstah: { config: { discover: true, access: 'mesh', bootstrap: [ADDRESS] } } }
      }
    }
    const result = await answered({ discover: true }, config)
    assert.match(args(result), /--ask-access mesh$/)
  })

  it('wait until every contributor has told its models, prefer a large context, warn of a small one', async () => {
    const model = (id: string, context: number): object => ({
      id,
      context_length: context,
      lobstah: { capabilities: ['chat', 'tools'], peers: [PEER] }
    })
    const small = { models: [model('small', 8192)], meeting: 1 }
    const both = { models: [model('small', 8192), model('large', 65_536)], meeting: 0 }
    looks = [small, small, small, small, both]
    const waited = await answered({ discover: true, invites: [ADDRESS] })
    assert.equal(waited.defaultModel, 'lobstah/large')
    assert.doesNotMatch(waited.notes.join('\n'), /too few/)
    looks = [{ ...small, meeting: 0 }]
    const alone = await answered({ discover: true, invites: [ADDRESS] })
    looks = []
    assert.equal(alone.defaultModel, 'lobstah/small')
    assert.match(alone.notes.join('\n'), /small holds 8192 tokens, too few .* --context-length 32768/)
  })

  it('leave nothing of an earlier yes after no and no', async () => {
    const config = {
      plugins: { entries: { lobstah: { config: { discover: true, bootstrap: [ADDRESS], friends: [PEER] } } } }
    }
    const result = await answered({}, config)
    assert.deepEqual(kept(result), {
      baseUrl,
      ...{ discover: false, contribute: false },
      ...{ bootstrap: undefined, access: undefined, friends: undefined },
      ...{ find: undefined, advertise: undefined, tracker: undefined, nostr: undefined }
    })
    assert.doesNotMatch(args(result), /bootstrap|friends/)
  })

  it('say that the node wants another key, and start no second one', async () => {
    refuses = true
    const started = join(folder, 'args')
    await rm(started, { force: true })
    const { notes } = await answered({})
    refuses = false
    assert.match(notes.join('\n'), /rejects this API key: set LOBSTAH_API_KEY/)
    assert.doesNotMatch(notes.join('\n'), /No model is available|No lobstah-node answers/)
    await assert.rejects(readFile(started), { code: 'ENOENT' })
  })

  it('say what to do when no program is there, and when no model is', async () => {
    const nowhere = await answered({ discover: true }, {}, { PATH: '' })
    assert.match(nowhere.notes.join('\n'), /not started by OpenClaw/)
    assert.match(nowhere.notes.join('\n'), /No model is available .* models auth login --provider lobstah/)
    assert.match(nowhere.notes.join('\n'), /asks and serves friends only, and has none/)
    await answered({ discover: true, invites: ['lobstah1good', ''] }, {}, { PATH: '' })
    assert.ok(shown.some((text) => /lobstah-node is not installed here/.test(text)))
  })
})
