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

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-onboarding-'))
    // A gateway that runs already, and a program that keeps what it is told.
    server = createServer((_request, response) => {
      response.writeHead(refuses ? 401 : 200).end('{"data":[]}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const script = [
      '#!/bin/sh',
      `echo "$@" >> "${folder}/args"`,
      `invite=$(cat); echo "$invite" >> "${folder}/stdin"`,
      'case "$invite" in',
      '  *old*) echo "lobstah-node: This invite expired" >&2; exit 2;;',
      '  *) echo "{\\"mesh\\":\\"home\\",\\"private\\":true,\\"bootstrap\\":[]}";;',
      'esac'
    ]
    await writeFile(join(folder, 'lobstah-node'), script.join('\n'), { mode: 0o755 })
  })
  after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  /** Answers the wizard; what is not answered gets its default. */
  async function answered(
    answers: { discover?: boolean; contribute?: boolean; invites?: string[] },
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
            : initialValue
        assert.equal(validate?.(answer), undefined)
        return Promise.resolve(answer)
      },
      confirm: ({ message, initialValue }) => {
        shown.push(`${message} [${initialValue}]`)
        const answer = message.startsWith('Discover') ? answers.discover : answers.contribute
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
    assert.match(shown[0]!, /tool calls.*tools\.profile minimal.*read the prompts.*only friends/s)
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
        `Peer ids of your friends, by commas [${PEER}]`
      ])
      assert.match(args(result), new RegExp(`--bootstrap ${ADDRESS} .*friends --friends ${PEER}$`))
    }
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

  it('leave nothing of an earlier yes after no and no', async () => {
    const config = {
      plugins: { entries: { lobstah: { config: { discover: true, bootstrap: [ADDRESS], friends: [PEER] } } } }
    }
    const result = await answered({}, config)
    assert.deepEqual(kept(result), {
      baseUrl,
      ...{ discover: false, contribute: false },
      ...{ bootstrap: undefined, access: undefined, friends: undefined }
    })
    assert.doesNotMatch(args(result), /bootstrap|friends/)
  })

  it('say that the node wants another key, and start no second one', async () => {
    refuses = true
    const started = join(folder, 'args')
    await rm(started, { force: true })
    const { notes } = await answered({})
    refuses = false
    assert.match(notes.join('\n'), /does not take this API key: set LOBSTAH_API_KEY/)
    assert.doesNotMatch(notes.join('\n'), /No model can be reached|No lobstah-node answers/)
    await assert.rejects(readFile(started), { code: 'ENOENT' })
  })

  it('say what to do when no program is there, and when no model is', async () => {
    const nowhere = await answered({ discover: true }, {}, { PATH: '' })
    assert.match(nowhere.notes.join('\n'), /not started by OpenClaw/)
    assert.match(nowhere.notes.join('\n'), /No model can be reached .* models auth login --provider lobstah/)
    assert.match(nowhere.notes.join('\n'), /Only friends are asked and served, and none are named/)
    await answered({ discover: true, invites: ['lobstah1good', ''] }, {}, { PATH: '' })
    assert.ok(shown.some((text) => /lobstah-node is not installed here/.test(text)))
  })
})
