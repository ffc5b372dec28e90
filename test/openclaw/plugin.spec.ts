import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  addressProblem,
  currentChoices,
  keptChoices,
  friendsProblem,
  peersOf,
  toBaseUrl,
  type Choices
} from '../../openclaw/choices.ts'
import plugin from '../../openclaw/index.ts'
import type { ProviderPlugin } from '../../openclaw/host.ts'
import { listModels, preferredModel } from '../../openclaw/models.ts'
import { flags, isLocal, localService } from '../../openclaw/service.ts'
import manifest from '../../openclaw.plugin.json' with { type: 'json' }

const PEER = `12D3KooW${'A'.repeat(44)}`
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

const choices = (rest: Partial<Choices> = {}): Choices => ({
  baseUrl: 'http://127.0.0.1:17475/v1',
  discover: false,
  contribute: false,
  bootstrap: [ADDRESS],
  access: 'friends',
  friends: [PEER],
  find: false,
  advertise: false,
  tracker: [],
  nostr: [],
  ...rest
})

const PLACES = { tracker: ['https://tracker.example'], nostr: ['wss://relay.example'] }

const model = (id: string, capabilities: string[], rest: object = {}): object => ({
  id,
  context_length: 40_960,
  lobstah: { peers: [PEER], capabilities, ...rest }
})

describe('openclaw: the plugin', () => {
  describe('turns answers into flags', () => {
    const gateway = ['--gateway-host', '127.0.0.1', '--gateway-port', '17475', '--drain-ms', '1000']
    const join = ['--bootstrap', ADDRESS]
    const friends = ['--friends', PEER]
    const places = ['--tracker', 'https://tracker.example', '--nostr', 'wss://relay.example']
    for (const [name, answers, expected] of [
      ['no and no', {}, ['--ask-access', 'nobody']],
      ['discover', { discover: true }, [...join, '--ask-access', 'friends', ...friends]],
      [
        'contribute, which asks nobody',
        { contribute: true },
        [...join, '--ask-access', 'nobody', '--contribute', '--serve-access', 'friends', ...friends]
      ],
      [
        'both, with any peer of the mesh',
        { discover: true, contribute: true, access: 'mesh', friends: [] },
        [...join, '--ask-access', 'mesh', '--contribute', '--serve-access', 'mesh']
      ],
      [
        'trackers and Nostr relays for one direction alone',
        { discover: true, contribute: true, find: true, access: 'mesh', friends: [], ...PLACES },
        [
          ...[...join, ...places, '--discover', '--no-advertise'],
          ...['--ask-access', 'mesh', '--contribute', '--serve-access', 'mesh']
        ]
      ],
      [
        'trackers and Nostr relays to be found through',
        { contribute: true, advertise: true, ...PLACES },
        [
          ...join,
          ...places,
          '--ask-access',
          'nobody',
          '--contribute',
          '--serve-access',
          'friends',
          ...friends
        ]
      ],
      [
        'none of them where the opt-in that they belong to is off',
        { discover: true, advertise: true, ...PLACES },
        [...join, '--ask-access', 'friends', ...friends]
      ]
    ] as const) {
      it(name, () => assert.deepEqual(flags(choices(answers as Partial<Choices>)), [...gateway, ...expected]))
    }
  })

  it('has no service where the gateway is elsewhere or the program is not installed', () => {
    const here = { env: process.env, root: undefined }
    assert.equal(localService(choices({ baseUrl: 'http://192.0.2.1:17475/v1' }), here), undefined)
    assert.equal(localService(choices(), { env: { PATH: '/nowhere' }, root: '/nowhere' }), undefined)
    assert.equal(isLocal('http://[::1]:17475/v1'), true)
  })

  it('says no to everything until told otherwise', () => {
    assert.deepEqual(currentChoices({}, {}), {
      ...choices({ bootstrap: [], friends: [] }),
      access: undefined
    })
  })

  it('takes what was answered before what variables say', () => {
    const env = { LOBSTAH_DISCOVER: 'true', LOBSTAH_BOOTSTRAP: ADDRESS, LOBSTAH_FRIENDS: `${PEER}, ${PEER}` }
    assert.deepEqual(currentChoices({}, env), {
      ...choices({ discover: true, friends: [PEER, PEER] }),
      access: undefined
    })
    const config = { plugins: { entries: { lobstah: { config: { discover: false, access: 'mesh' } } } } }
    const { discover, access } = currentChoices(config, env)
    assert.deepEqual([discover, access], [false, 'mesh'])
  })

  it('tells addresses from invites, and checks what it can', () => {
    assert.deepEqual(peersOf([ADDRESS, 'lobstah1abc']), [PEER])
    assert.equal(addressProblem(`${ADDRESS}, lobstah1abc`), undefined)
    assert.match(addressProblem('/ip4/192.0.2.1/tcp/1') ?? '', /must end in the peer's id/)
    assert.match(addressProblem('a-friend.example') ?? '', /expected an invite/)
    assert.equal(friendsProblem(`${PEER},${PEER}`), undefined)
    assert.match(friendsProblem('bob') ?? '', /bob: expected peer ids/)
    assert.deepEqual(['http://a:1', 'http://a:1/v1/', 'https://a/x/v1', 'a:1', 'ftp://a'].map(toBaseUrl), [
      'http://a:1/v1',
      'http://a:1/v1',
      'https://a/x/v1',
      undefined,
      undefined
    ])
  })

  it('keeps nothing of a mesh that a no has made void', () => {
    const voided = keptChoices(choices())
    assert.deepEqual(JSON.parse(JSON.stringify(voided)), {
      baseUrl: choices().baseUrl,
      discover: false,
      contribute: false
    })
    // OpenClaw removes what a patch says undefined of, and leaves alone what it does not name.
    assert.deepEqual(Object.keys(voided).sort(), Object.keys(choices()).sort())
    assert.deepEqual(keptChoices(choices({ contribute: true })), choices({ contribute: true }))
  })

  describe('with a gateway', () => {
    let server: Server
    let baseUrl: string
    let answer: unknown

    beforeEach(async () => {
      server = createServer((_request, response) => response.end(JSON.stringify(answer)))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    })
    afterEach(() => {
      server.closeAllConnections()
      server.close()
    })

    it('lists the models that can chat, with what they can and their true context', async () => {
      answer = {
        data: [
          model('tiny', ['chat'], { demonstration: true }),
          model('embed', ['embedding']),
          model('see', ['chat', 'vision', 'thinking']),
          model('act', ['chat', 'tools']),
          { id: 'broken' }
        ]
      }
      const models = (await listModels(baseUrl)) ?? []
      assert.deepEqual(
        models.map(({ definition: { id, input, reasoning, contextWindow, maxTokens, compat } }) => [
          id,
          input.join(),
          reasoning,
          contextWindow,
          maxTokens,
          compat.supportsTools
        ]),
        [
          ['tiny', 'text', false, 40_960, 8192, false],
          ['see', 'text,image', true, 40_960, 8192, false],
          ['act', 'text', false, 40_960, 8192, true]
        ]
      )
      assert.equal(preferredModel(models)?.definition.id, 'act')
    })

    it('prefers a context that carries an agent to tools, and a small model to a demonstration', async () => {
      const sized = (id: string, size: number | null, can: string[], more = {}): object => ({
        ...model(id, can, more),
        context_length: size
      })
      const tiny = sized('tiny', 65_536, ['chat', 'tools'], { demonstration: true })
      const small = sized('small', 8192, ['chat', 'tools'])
      const fair = sized('fair', 16_384, ['chat', 'tools'])
      const large = sized('large', 32_768, ['chat'])
      const best = sized('best', 131_072, ['chat', 'tools'])
      const untold = sized('untold', null, ['chat'])
      for (const [data, preferred] of [
        [[tiny, small], 'small'],
        [[small, fair], 'fair'],
        [[small, large], 'large'],
        [[small, untold], 'untold'],
        [[tiny, small, fair, large, best], 'best']
      ] as const) {
        answer = { data }
        const models = (await listModels(baseUrl)) ?? []
        assert.equal(preferredModel(models)?.definition.id, preferred)
      }
    })

    it('registers a provider whose catalog is what the gateway lists', async () => {
      answer = { data: [model('act', ['chat', 'tools'])] }
      const providers: ProviderPlugin[] = []
      plugin.register({ registerProvider: (provider) => void providers.push(provider) })
      const provider = providers[0]
      assert.ok(provider)
      assert.deepEqual([provider.id, provider.label], [manifest.id, manifest.name])
      const config = { models: { providers: { lobstah: { baseUrl, apiKey: 'any' } } } }
      const listed = await provider.catalog.run({ config })
      assert.deepEqual(
        listed?.provider.models.map(({ id }) => id),
        ['act']
      )
      assert.equal(provider.resolveDynamicModel({ config, modelId: 'act' })?.baseUrl, baseUrl)
      assert.equal(provider.resolveDynamicModel({ config, modelId: 'absent' }), undefined)
      const hint = provider.buildUnknownModelHint({ config, modelId: 'absent' })
      assert.match(hint, /absent .* lobstah-node/)
    })
  })

  it('takes no answer for no node', async () => {
    assert.equal(await listModels('http://127.0.0.1:9/v1'), undefined)
  })
})
