import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig, type Config } from '../../../node/config/index.ts'

const PEER = '12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE'
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

describe('node/config/resolve-config', () => {
  let homeDir: string
  let home: string

  beforeEach(() => {
    homeDir = mkdtempSync(join(tmpdir(), 'lobstah-config-'))
    home = join(homeDir, '.lobstah')
    mkdirSync(home)
  })

  afterEach(() => {
    rmSync(homeDir, { recursive: true })
  })

  function write(value: unknown): void {
    writeFileSync(join(home, 'config.json'), typeof value === 'string' ? value : JSON.stringify(value))
  }

  function resolve(
    flags: Record<string, unknown> = {},
    env: Record<string, string | undefined> = {}
  ): Config {
    return resolveConfig({ flags, env, homeDir })
  }

  function refuses(
    expected: string | RegExp,
    flags?: Record<string, unknown>,
    env?: Record<string, string>
  ): void {
    assert.throws(
      () => resolve(flags, env),
      (err: Error) => {
        assert.equal(err.name, 'ConfigError')
        if (typeof expected === 'string') assert.equal(err.message, expected)
        else assert.match(err.message, expected)
        return true
      }
    )
  }

  it('has a default for everything that may not be left open', () => {
    assert.deepEqual(resolve(), {
      home,
      bootstrap: [],
      allowedHosts: [],
      allowedOrigins: [],
      announce: [],
      contribute: false,
      relay: false,
      mdns: false,
      discover: false,
      tracker: [],
      nostr: [],
      advertise: true,
      serveTracker: false,
      trackerHost: '0.0.0.0',
      trackerPort: 17_480,
      trackerBehindProxy: false,
      lanOnly: false,
      upnp: false,
      relayLimits: {
        reservations: 4096,
        circuitsPerPeer: 256,
        bytesPerCircuit: 16 * 2 ** 30,
        circuitMs: 24 * 3600 * 1000,
        bytesPerSecond: 8 * 2 ** 20
      },
      engine: 'auto',
      queue: 16,
      weights: { friends: 4, creditors: 2, strangers: 1, peers: {}, keys: {} },
      hours: [],
      serveModels: [],
      onBattery: false,
      whileInUse: false,
      idleMinutes: 5,
      gateway: true,
      gatewayHost: '127.0.0.1',
      gatewayPort: 17475,
      apiKeys: [],
      jobs: true,
      jobLimits: {
        diskBytes: 4 * 2 ** 30,
        fileBytes: 200 * 2 ** 20,
        batchLines: 50_000,
        openBatches: 16,
        concurrency: 32,
        fileDays: 30
      },
      friends: [],
      prices: {},
      resume: 'same-digest',
      alias: {},
      petnames: {},
      fallback: [],
      fallbackAfterMs: 5000,
      lastResortModels: {},
      creditLine: { friends: 6e13, strangers: 1e11, allStrangers: 1e12, peers: {} },
      logLevel: 'warn',
      loopbackPeers: false,
      json: false
    })
  })

  it('prefers flags to variables, those to config.json, and that to defaults', () => {
    write({ slots: 2, queue: 3, gatewayPort: 4, contribute: true })
    const env = { LOBSTAH_SLOTS: '5', LOBSTAH_QUEUE: '6', LOBSTAH_RELAY: '', LOBSTAH_CONTRIBUTE: undefined }
    const { slots, queue, gatewayPort, contribute, relay, json } = resolve(
      { slots: '7', queue: undefined },
      env
    )
    assert.deepEqual([slots, queue, gatewayPort, contribute, relay, json], [7, 6, 4, true, false, false])
  })

  it('finds the home folder by flag, by variable, and below the own folder of the user', () => {
    const other = join(homeDir, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'config.json'), '{"slots":9}')
    assert.equal(resolve().home, home)
    assert.equal(resolve({}, { LOBSTAH_HOME: other }).slots, 9)
    assert.equal(resolve({ home: other }, { LOBSTAH_HOME: home }).home, other)
    refuses('flag --home: expected the path of a folder', { home: '' })
  })

  it('reads every type of value from text', () => {
    const env = {
      LOBSTAH_BOOTSTRAP: `${ADDRESS}, ${ADDRESS},`,
      LOBSTAH_CONTRIBUTE: '1',
      LOBSTAH_RELAY: 'TRUE',
      LOBSTAH_GATEWAY: '0',
      LOBSTAH_JSON: 'false',
      LOBSTAH_ENGINE_URL: 'http://127.0.0.1:11434',
      LOBSTAH_CREDIT_LINE: '{"friends":5}',
      LOBSTAH_PRICES: '{"llama3.2:3b":{"prompt":1,"completion":4}}'
    }
    const config = resolve({ friends: [PEER, `${PEER},${PEER}`], gatewayHost: '::1' }, env)
    assert.deepEqual(config.bootstrap, [ADDRESS, ADDRESS])
    assert.deepEqual(
      [config.contribute, config.relay, config.gateway, config.json],
      [true, true, false, false]
    )
    assert.equal(config.engineUrl, 'http://127.0.0.1:11434')
    assert.deepEqual(config.creditLine, { friends: 5, strangers: 1e11, allStrangers: 1e12, peers: {} })
    assert.deepEqual(config.prices, { 'llama3.2:3b': { prompt: 1, completion: 4 } })
    assert.deepEqual(config.friends, [PEER, PEER, PEER])
    assert.equal(config.gatewayHost, '::1')
    assert.equal(resolve({ gateway: false, slots: 3 }).gateway, false)
  })

  it('cannot be changed afterwards, at any depth', () => {
    const config = resolve({ listen: ['/ip4/127.0.0.1/tcp/0'] }) as unknown as {
      slots: number
      listen: string[]
      bootstrap: string[]
      creditLine: { friends: number }
    }
    assert.throws(() => (config.slots = 2), TypeError)
    assert.throws(() => config.listen.push('x'), TypeError)
    assert.throws(() => config.bootstrap.push('x'), TypeError)
    assert.throws(() => (config.creditLine.friends = 2), TypeError)
  })

  const badFlags: [string, unknown, string][] = [
    ['slots', '0', '--slots: expected a whole number from 1 to 1024'],
    ['slots', '1025', '--slots: expected a whole number from 1 to 1024'],
    ['slots', '1.5', '--slots: expected a whole number from 1 to 1024'],
    ['slots', 'many', '--slots: expected a whole number from 1 to 1024'],
    ['queue', '1025', '--queue: expected a whole number from 0 to 1024'],
    ['gatewayPort', '65536', '--gateway-port: expected a whole number from 0 to 65535'],
    ['contribute', 'yes', '--contribute: expected true or false'],
    ['engine', 'vllm', '--engine: expected auto, ollama, openai, embedded or none'],
    ['logLevel', 'loud', '--log-level: expected silent, error, warn, info, debug or trace'],
    ['serveAccess', 'all', '--serve-access: expected friends or mesh'],
    ['engineUrl', 'ftp://x', '--engine-url: expected an http or https URL, such as http://127.0.0.1:11434'],
    [
      'engineUrl',
      'localhost:11434',
      '--engine-url: expected an http or https URL, such as http://127.0.0.1:11434'
    ],
    ['modelFile', '', '--model-file: expected text that is not empty'],
    ['listen', 'here', '--listen[0]: expected a multiaddr, such as /ip4/0.0.0.0/tcp/17476'],
    ['friends', [PEER, 'bob'], '--friends[1]: expected a peer id, such as 12D3KooW…'],
    [
      'bootstrap',
      '/ip4/192.0.2.1/tcp/17476',
      '--bootstrap[0]: expected a multiaddr that ends in the peer id, such as /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…, or an invite'
    ],
    [
      'bootstrap',
      `${ADDRESS}/p2p-circuit`,
      '--bootstrap[0]: expected a multiaddr that ends in the peer id, such as /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…, or an invite'
    ],
    [
      'creditLine',
      '{"friends":',
      '--credit-line: expected an object with friends, strangers, allStrangers and peers, in micro-credits'
    ],
    [
      'creditLine',
      '{"foes":1}',
      '--credit-line: expected an object with friends, strangers, allStrangers and peers, in micro-credits'
    ],
    [
      'prices',
      '{"m":{"prompt":-1,"completion":1}}',
      '--prices.m.prompt: expected a whole number from 0 to 9007199254740991'
    ],
    [
      'prices',
      { m: { prompt: 1, completion: 1, tax: 1 } },
      '--prices.m: expected an object with prompt and completion, in micro-credits per token'
    ]
  ]
  for (const [name, value, message] of badFlags) {
    it(`refuses ${JSON.stringify(value)} for the flag of ${name}`, () => {
      refuses(`flag ${message}`, { [name]: value })
    })
  }

  it('accepts relayed addresses of peers to join by', () => {
    const address = `${ADDRESS}/p2p-circuit/p2p/${PEER}`
    assert.deepEqual(resolve({ bootstrap: [address] }).bootstrap, [address])
  })

  it('names the variable that a value came from', () => {
    refuses(
      'LOBSTAH_GATEWAY_PORT: expected a whole number from 0 to 65535',
      {},
      { LOBSTAH_GATEWAY_PORT: 'x' }
    )
  })

  it('names the file and the field that a value came from, and takes no text for a number there', () => {
    write({ slots: '2' })
    refuses(`${join(home, 'config.json')} field slots: expected a whole number from 1 to 1024`)
    write({ listen: ['/ip4/0.0.0.0/tcp/0', 7] })
    refuses(`${join(home, 'config.json')} field listen[1]: expected text`)
  })

  it('tells all that is wrong at once, and nothing of the values', () => {
    write({ apiKeys: 'secret', slots: 2000 })
    refuses(/^.* field slots: expected .*\n.* field apiKeys: expected a list of strings$/)
    assert.throws(resolve, (err: Error) => !err.message.includes('secret'))
  })

  it('names unknown fields, and the nearest known one', () => {
    write({ slot: 1, gatewayport: 2, bootstrapp: [] })
    const file = join(home, 'config.json')
    refuses(
      [
        `${file}: unknown field slot: did you mean slots?`,
        `${file}: unknown field gatewayport: did you mean gatewayPort?`,
        `${file}: unknown field bootstrapp: did you mean bootstrap?`
      ].join('\n')
    )
    write('{"__proto__":{"slots":3}}')
    refuses(/unknown field __proto__/)
    write({ home: '/elsewhere' })
    refuses(`${file}: the field home is not allowed here: use --home or LOBSTAH_HOME`)
  })

  it('names line and column where config.json is not JSON', () => {
    write('{\n  "slots": 1,\n  "queue": x\n}')
    refuses(`${join(home, 'config.json')} is not JSON at line 3, column 12`)
    write('')
    refuses(`${join(home, 'config.json')} is not JSON at line 1, column 1`)
  })

  it('refuses a config.json that is no object, or no file', () => {
    for (const value of ['[]', 'null', '1']) {
      write(value)
      refuses(/expected an object, such as/)
    }
    rmSync(join(home, 'config.json'))
    mkdirSync(join(home, 'config.json'))
    refuses(/config\.json cannot be read .*permissions/)
  })

  it('reads a config.json that begins with a byte order mark', () => {
    write('\uFEFF{"slots":3}')
    assert.equal(resolve().slots, 3)
  })
})
