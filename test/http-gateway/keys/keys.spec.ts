import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { GatewayInit } from '../../../http-gateway/index.ts'
import { OwnerRequiredError } from '../../../http-gateway/keys/errors.ts'
import { matches } from '../../../http-gateway/keys/hash.ts'
import { addKey, homeToken, readHomeToken, readKeys, removeKey } from '../../../http-gateway/keys/index.ts'
import { KeyRing } from '../../../http-gateway/keys/key-ring.ts'
import { requireOwner } from '../../../http-gateway/keys/keys.ts'
import { Limits } from '../../../http-gateway/keys/limits.ts'
import { Spending } from '../../../http-gateway/keys/spending.ts'
import { testGateway, type TestGateway } from '../../support/gateway/gateway.ts'
import { ACCEPTED, END, content } from '../../support/gateway/stub-consumer.ts'

const fail = (err: unknown): never => assert.fail(String(err))

describe('http-gateway/keys', () => {
  let folder: string
  let file: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-keys-'))
    file = join(folder, 'home', 'keys.json')
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  describe('the file', () => {
    it("holds hashes under salts of their own, never a key, and is its owner's alone", async () => {
      const [one, two] = [await addKey(file, 'one'), await addKey(file, 'two', { perMinute: 3 })]
      const text = await readFile(file, 'utf8')
      for (const key of [one, two]) {
        assert.match(key, /^lobstah_[0-9a-f]{8}_[\w-]{43}$/)
        assert.ok(!text.includes(key.slice(17)))
      }
      if (process.platform !== 'win32') assert.equal((await stat(file)).mode & 0o777, 0o600)
      const [first, second] = await readKeys(file)
      assert.ok(first && second)
      assert.notEqual(first.scrypt.salt, second.scrypt.salt)
      assert.equal(second.perMinute, 3)
      assert.ok(await matches(one, first.scrypt))
      assert.ok(!(await matches(two, first.scrypt)))
    })

    it('refuses a second key of a name, a name that is none, and removing one that is not there', async () => {
      await addKey(file, 'one')
      await assert.rejects(addKey(file, 'one'), { name: 'KeyFileError', message: /already/ })
      await assert.rejects(addKey(file, '../x'), { name: 'KeyFileError' })
      await assert.rejects(addKey(file, 'x', { perMinute: 0 }), { name: 'KeyFileError' })
      await assert.rejects(removeKey(file, 'two'), { name: 'KeyFileError', message: /no key named two/ })
      await removeKey(file, 'one')
      assert.deepEqual(await readKeys(file), [])
    })

    it('loses no key of those that are added at once, and waits for nobody who was killed', async () => {
      await addKey(file, 'old')
      const names = ['a', 'b', 'c', 'd']
      await Promise.all([...names.map((name) => addKey(file, name)), removeKey(file, 'old')])
      assert.deepEqual((await readKeys(file)).map(({ name }) => name).sort(), names)
      const lock = `${file}.lock`
      await mkdir(lock)
      await utimes(lock, 0, 0)
      await removeKey(file, 'a')
      await assert.rejects(stat(lock), { code: 'ENOENT' })
    })

    it('says which file is damaged', async () => {
      await addKey(file, 'one')
      for (const text of ['{', '{"version":2,"keys":[]}', '{"version":1,"keys":[{"id":"x"}]}']) {
        await writeFile(file, text)
        await assert.rejects(readKeys(file), { name: 'KeyFileError', message: /keys\.json cannot be used/ })
      }
    })
  })

  describe('the ring', () => {
    it('knows a key by its hash, and not one that only looks like it', async () => {
      const key = await addKey(file, 'one', { models: ['tiny'] })
      const ring = new KeyRing({ apiKeys: ['clear'], token: 'token', file, onError: fail })
      await ring.look(true)
      const [first, second] = await Promise.all([ring.identify(key), ring.identify(key)])
      assert.deepEqual(first, { name: 'one', owner: false, models: ['tiny'] })
      assert.equal(second, first)
      assert.equal(await ring.identify(key), first)
      const other = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A')
      for (const wrong of [other, key.slice(0, -1), `${key} `, '', 'lobstah_00000000_']) {
        assert.equal(await ring.identify(wrong), undefined)
      }
      assert.equal((await ring.identify('clear'))?.owner, false)
      assert.equal((await ring.identify('token'))?.owner, true)
    })

    it('forgets a key that was removed, and keeps the ones it has when the file is damaged', async () => {
      const [one, two] = [await addKey(file, 'one'), await addKey(file, 'two')]
      const errors: unknown[] = []
      const ring = new KeyRing({ apiKeys: [], token: undefined, file, onError: (err) => errors.push(err) })
      await ring.look(true)
      assert.ok((await ring.identify(one)) && (await ring.identify(two)))
      await removeKey(file, 'one')
      await ring.look(true)
      assert.equal(await ring.identify(one), undefined)
      assert.ok(await ring.identify(two))
      await writeFile(file, 'garbage')
      await assert.rejects(ring.look(true), { name: 'KeyFileError' })
      assert.ok(await ring.identify(two))
      assert.deepEqual(errors, [])
    })

    it('lets only so many keys wait to be checked', async () => {
      const key = await addKey(file, 'one')
      const ring = new KeyRing({ apiKeys: [], token: undefined, file, onError: fail })
      await ring.look(true)
      const guesses = Array.from({ length: 40 }, (_, i) => key.slice(0, -2) + String(i).padStart(2, '0'))
      const results = await Promise.allSettled(guesses.map((guess) => ring.identify(guess)))
      const refused = results.filter((result) => result.status === 'rejected')
      assert.equal(refused.length, 8)
      assert.ok(refused.every(({ reason }) => (reason as Error).name === 'RateLimitedError'))
      assert.ok(results.every((result) => result.status === 'rejected' || result.value === undefined))
    })
  })

  describe('limits', () => {
    it('gives each key its requests a minute, which refill evenly', () => {
      let now = 0
      const limits = new Limits(new Spending({ file: undefined, now: () => 0, onError: fail }), () => now)
      const caller = { name: 'one', owner: false, perMinute: 2 }
      const enter = (): void => limits.enter(caller, 'tiny')
      enter()
      enter()
      assert.throws(enter, { name: 'RateLimitedError', headers: { 'retry-after': '30' } })
      limits.enter({ ...caller, name: 'two' }, 'tiny')
      now = 29_000
      assert.throws(enter, { headers: { 'retry-after': '1' } })
      now = 30_000
      enter()
      assert.throws(enter)
      now = 10_000_000
      enter()
      enter()
      assert.throws(enter)
    })

    it("counts a day's spending over a restart, and begins anew at midnight UTC", async () => {
      const spending = join(folder, 'spending.json')
      let now = Date.parse('2026-01-31T23:59:00Z')
      const open = async (): Promise<Spending> => {
        const kept = new Spending({ file: spending, now: () => now, onError: fail })
        await kept.load()
        return kept
      }
      const first = await open()
      for (let i = 0; i < 10; i++) first.add('one', 7)
      await first.flushed()
      const second = await open()
      assert.equal(second.of('one'), 70)
      assert.equal(second.of('two'), 0)
      now += 60_000
      assert.equal(second.of('one'), 0)
      second.add('one', 1)
      await second.flushed()
      assert.equal((await open()).of('one'), 1)
      await writeFile(spending, 'null')
      await assert.rejects(open(), { name: 'KeyFileError' })
    })
  })

  it("makes a home's token once", async () => {
    assert.equal(await readHomeToken(folder), undefined)
    const tokens = await Promise.all([homeToken(folder), homeToken(folder)])
    assert.equal(tokens[0], tokens[1])
    assert.equal(await readHomeToken(folder), tokens[0])
    if (process.platform !== 'win32') assert.equal((await stat(join(folder, 'token'))).mode & 0o777, 0o600)
  })

  it("keeps routes that change the node for the home's owner", () => {
    type Request = Parameters<typeof requireOwner>[0]
    for (const caller of [undefined, { name: 'one', owner: false }])
      assert.throws(() => requireOwner({ caller } as Request, undefined, fail as never), OwnerRequiredError)
    let went = false
    requireOwner({ caller: { name: 'owner', owner: true } } as Request, undefined, () => (went = true))
    assert.ok(went)
  })

  describe('at the gateway', () => {
    let test: TestGateway

    async function started(init: GatewayInit = {}): Promise<void> {
      test = testGateway({ keysFile: file, spendingFile: join(folder, 'spending.json'), ...init })
      await test.http.start()
    }
    afterEach(async () => {
      await test.http.stop()
    })

    const send = (key: string | undefined, request: InjectOptions): Promise<LightMyRequestResponse> =>
      test.http.inject({
        ...request,
        headers: {
          host: 'localhost',
          'content-type': 'application/json',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` })
        }
      })
    const ask = (
      key: string | undefined,
      model = 'tiny',
      fields: object = {}
    ): Promise<LightMyRequestResponse> =>
      send(key, {
        method: 'POST',
        url: '/v1/chat/completions',
        payload: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...fields })
      })
    const code = (reply: LightMyRequestResponse): string =>
      reply.json<{ error: { code: string } }>().error.code

    it("wants a key as soon as one is kept, but for the home's own commands", async () => {
      await started({ token: 'home-token' })
      assert.equal((await ask(undefined)).statusCode, 200)
      await test.http.stop()
      const key = await addKey(file, 'one')
      await test.http.start()
      assert.equal(code(await ask(undefined)), 'invalid_api_key')
      assert.equal((await ask('lobstah_wrong')).statusCode, 401)
      assert.equal((await ask(key)).statusCode, 200)
      assert.equal((await ask('home-token')).statusCode, 200)
      assert.equal(test.log.findLast(({ message }) => message === 'request answered')?.fields?.key, 'owner')
    })

    it('does not start on a damaged file, nor for others without a key', async () => {
      await addKey(file, 'one')
      await writeFile(file, '[]')
      await assert.rejects(started(), { name: 'KeyFileError' })
      await rm(file)
      await assert.rejects(started({ host: '0.0.0.0' }), { name: 'GatewayApiKeyRequiredError' })
      await addKey(file, 'one')
      await started({ host: '0.0.0.0' })
      assert.equal((await ask(undefined)).statusCode, 401)
    })

    it('holds a key to its models, by any of their names', async () => {
      const key = await addKey(file, 'one', { models: ['tiny:latest'] })
      await started()
      assert.equal((await ask(key, 'tiny')).statusCode, 200)
      const refused = await ask(key, 'huge')
      assert.equal(refused.statusCode, 403)
      assert.equal(code(refused), 'model_not_allowed')
      assert.equal(test.consumer.requests.length, 1)
    })

    it('holds a key to its requests a minute, and lets it look around meanwhile', async () => {
      const key = await addKey(file, 'one', { perMinute: 1 })
      await started()
      assert.equal((await ask(key)).statusCode, 200)
      const refused = await ask(key)
      assert.equal(refused.statusCode, 429)
      assert.equal(code(refused), 'rate_limit_exceeded')
      assert.ok(Number(refused.headers['retry-after']) >= 1)
      assert.equal((await send(key, { url: '/v1/models' })).statusCode, 200)
    })

    it('holds a key to its spending, as receipts tell it, over a restart too', async () => {
      const key = await addKey(file, 'one', { spendPerDay: 10 })
      const free = await addKey(file, 'two')
      await started()
      test.consumer.script = async function* (_request, _signal, spent) {
        yield ACCEPTED
        yield content('H')
        spent(4)
        yield content('i')
        spent(6)
        yield END
      }
      assert.equal((await ask(key)).statusCode, 200)
      await test.http.stop()
      await started()
      const refused = await ask(key)
      assert.equal(refused.statusCode, 402)
      assert.equal(code(refused), 'spending_limit_reached')
      assert.equal(refused.headers['x-should-retry'], 'false')
      assert.equal((await ask(free)).statusCode, 200)
    })

    it('breaks off every answer under way when receipts reach what its key may spend', async () => {
      const key = await addKey(file, 'one', { spendPerDay: 10 })
      await started()
      const othersBegun = Promise.withResolvers<undefined>()
      const spentAll = Promise.withResolvers<undefined>()
      let begun = 0
      test.consumer.script = async function* (request, _signal, spent) {
        const seed = request.kind === 'embedding' ? undefined : request.seed
        yield ACCEPTED
        yield content('a')
        // Its first piece has been taken, as it is asked for more.
        if (++begun === 3) othersBegun.resolve(undefined)
        await othersBegun.promise
        if (seed === 1) {
          spent(10)
          spentAll.resolve(undefined)
          for (let more = 0; more < 100; more++) yield content('more')
        }
        await spentAll.promise
        if (seed === 2) yield content('more')
        yield END
      }
      const [spender, other, ending] = await Promise.all([1, 2, 3].map((seed) => ask(key, 'tiny', { seed })))
      assert.deepEqual([spender?.statusCode, other?.statusCode, ending?.statusCode], [402, 402, 200])
      assert.equal(code(other!), 'spending_limit_reached')
      assert.equal(test.consumer.finished, 3)
    })
  })
})
