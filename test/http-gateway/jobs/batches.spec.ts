import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import OpenAI, { toFile } from 'openai'
import { addKey, type GatewayInit } from '../../../http-gateway/index.ts'
import { BusyError, EngineFailedError } from '../../../protocols/errors.ts'
import { testGateway, type TestGateway } from '../../support/gateway/gateway.ts'
import { TestStore } from '../../support/gateway/job-store.ts'
import { ACCEPTED, END, aborted, content } from '../../support/gateway/stub-consumer.ts'
import { until } from '../../support/mesh.ts'

interface OutputLine {
  id: string
  custom_id: string
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null
  error: { code: string; message: string } | null
}

describe('http-gateway/jobs/batches', () => {
  let store: TestStore
  let test: TestGateway
  let client: OpenAI

  beforeEach(async () => {
    store = await TestStore.create()
  })
  afterEach(async () => {
    await test.http.stop()
    await store.remove()
  })

  async function start(init: GatewayInit = {}, apiKey = 'any'): Promise<void> {
    test = testGateway(init, { jobs: store.open() })
    await test.http.start()
    client = new OpenAI({ baseURL: `${test.http.url}/v1`, apiKey, maxRetries: 0 })
  }

  const line = (id: string, rest: object = {}, body: object = {}): object => ({
    custom_id: id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'tiny:latest', messages: [{ role: 'user', content: id }], ...body },
    ...rest
  })

  async function upload(lines: (object | string)[]): Promise<OpenAI.FileObject> {
    const text = lines.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join('\n')
    return await client.files.create({ file: await toFile(Buffer.from(text), 'in.jsonl'), purpose: 'batch' })
  }

  async function create(lines: (object | string)[], rest: object = {}): Promise<OpenAI.Batch> {
    const { id } = await upload(lines)
    return await client.batches.create({
      input_file_id: id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      ...rest
    })
  }

  async function ended({ id }: OpenAI.Batch): Promise<OpenAI.Batch> {
    let batch = await client.batches.retrieve(id)
    await until(async () => {
      batch = await client.batches.retrieve(id)
      return ['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)
    })
    return batch
  }

  async function read(id: string | null | undefined): Promise<OutputLine[]> {
    assert.ok(id)
    const text = await (await client.files.content(id)).text()
    return text
      .trim()
      .split('\n')
      .map((json) => JSON.parse(json) as OutputLine)
  }

  it('answers every line once, as a live request is answered', async () => {
    await start()
    const created = await create([line('a'), line('b'), '', line('c')], { metadata: { job: 'x' } })
    assert.equal(created.status, 'validating')
    const batch = await ended(created)
    assert.equal(batch.status, 'completed')
    assert.deepEqual(batch.request_counts, { total: 3, completed: 3, failed: 0 })
    assert.deepEqual(batch.metadata, { job: 'x' })
    assert.equal(batch.usage?.total_tokens, 30)
    assert.equal(batch.error_file_id, null)
    const lines = await read(batch.output_file_id)
    assert.deepEqual(lines.map((each) => each.custom_id).sort(), ['a', 'b', 'c'])
    for (const { response, error } of lines) {
      assert.equal(response?.status_code, 200)
      assert.equal(response.body.object, 'chat.completion')
      assert.equal(error, null)
    }
    assert.equal(test.consumer.requests.length, 3)
  })

  it('lists all faults of a file, and asks nothing', async () => {
    await start()
    const batch = await ended(
      await create([
        line('a'),
        '{nonsense',
        line('a'),
        line('b', { url: '/v1/embeddings' }),
        line('c', { method: 'GET' }),
        line('d', {}, { model: 'other' }),
        line('e', { body: undefined })
      ])
    )
    assert.equal(batch.status, 'failed')
    assert.deepEqual(
      batch.errors?.data?.map(({ code, line: at }) => [at, code]),
      [
        [2, 'invalid_json_line'],
        [3, 'duplicate_custom_id'],
        [4, 'url_mismatch'],
        [5, 'invalid_method'],
        [6, 'model_mismatch'],
        [7, 'missing_required_parameter']
      ]
    )
    assert.equal(batch.output_file_id, null)
    assert.equal(test.consumer.requests.length, 0)
  })

  it('waits while peers are busy, tries again what fails, and gives up what keeps failing', async () => {
    await start()
    const tries = new Map<string, number>()
    test.consumer.script = async function* (request) {
      assert.equal(request.kind, 'chat')
      const text = JSON.stringify(request.messages)
      const asked = (tries.get(text) ?? 0) + 1
      tries.set(text, asked)
      if (text.includes('busy') && asked < 4) throw new BusyError()
      if (text.includes('poison')) throw new EngineFailedError('it always fails')
      if (text.includes('flaky') && asked < 3) throw new EngineFailedError()
      yield ACCEPTED
      yield content('fine')
      yield END
    }
    const lines = [line('busy'), line('flaky'), line('poison'), line('bad', {}, { messages: [] })]
    const batch = await ended(await create(lines))
    assert.equal(batch.status, 'completed')
    assert.deepEqual(batch.request_counts, { total: 4, completed: 2, failed: 2 })
    const failed = new Map((await read(batch.error_file_id)).map((each) => [each.custom_id, each]))
    assert.equal(failed.get('poison')?.response?.status_code, 503)
    assert.match(JSON.stringify(failed.get('poison')?.response?.body), /it always fails/)
    assert.equal(failed.get('bad')?.response?.status_code, 400)
    assert.equal(failed.get('bad')?.error, null)
  }).timeout(20_000)

  it('goes on after a restart with the lines that are not answered', async () => {
    await start()
    const hold = Promise.withResolvers<void>()
    test.consumer.script = async function* (request, signal) {
      if (test.consumer.requests.length > 2) await Promise.race([hold.promise, aborted(signal)])
      yield ACCEPTED
      yield content(request.model)
      yield END
    }
    const created = await create(Array.from({ length: 12 }, (_, at) => line(`l${at}`)))
    await until(async () => (await client.batches.retrieve(created.id)).request_counts?.completed === 2)
    await test.http.stop()
    await start()
    const batch = await ended(created)
    assert.equal(batch.status, 'completed')
    const lines = await read(batch.output_file_id)
    assert.equal(new Set(lines.map((each) => each.custom_id)).size, 12)
    assert.equal(lines.length, 12)
    assert.equal(test.consumer.requests.length, 10)
  })

  it('does not ask again for an answer that was kept before it was paid for', async () => {
    await start()
    test.consumer.script = async function* (_request, signal) {
      yield ACCEPTED
      await aborted(signal)
    }
    const created = await create([line('a')])
    await until(() => test.consumer.requests.length === 1)
    await test.http.stop()
    const kept = store.open()
    await kept.start()
    await kept.call('keepAnswer', `${created.id}/1`, 0, {
      accepted: ACCEPTED,
      deltas: [{ content: 'paid' }],
      finishReason: 'stop',
      usage: { promptTokens: 1, completionTokens: 1 }
    })
    await kept.stop()
    await start()
    const batch = await ended(created)
    assert.match(JSON.stringify(await read(batch.output_file_id)), /"content":"paid"/)
    assert.equal(test.consumer.requests.length, 0)
  })

  it('cancels: what was answered stays, the rest says why it has no answer', async () => {
    await start()
    test.consumer.script = async function* (_request, signal) {
      if (test.consumer.requests.length > 1) await aborted(signal)
      yield ACCEPTED
      yield END
    }
    const created = await create([line('a'), line('b'), line('c')])
    await until(async () => (await client.batches.retrieve(created.id)).request_counts?.completed === 1)
    assert.equal((await client.batches.cancel(created.id)).status, 'cancelling')
    const batch = await ended(created)
    assert.equal(batch.status, 'cancelled')
    assert.equal((await read(batch.output_file_id)).length, 1)
    assert.deepEqual(
      (await read(batch.error_file_id)).map(({ error }) => error?.code),
      ['batch_cancelled', 'batch_cancelled']
    )
    await assert.rejects(client.batches.cancel(created.id), { status: 409 })
  }).timeout(30_000)

  it('shows a key its own files and batches only, and holds them to its limits', async () => {
    const keysFile = `${store.folder}/keys.json`
    const [rich, poor] = [
      await addKey(keysFile, 'rich', {}),
      await addKey(keysFile, 'poor', { spendPerDay: 5 })
    ]
    await start({ keysFile }, rich)
    const mine = await ended(await create([line('a')]))
    const others = new OpenAI({ baseURL: `${test.http.url}/v1`, apiKey: poor, maxRetries: 0 })
    await assert.rejects(others.batches.retrieve(mine.id), { status: 404 })
    await assert.rejects(others.files.retrieve(mine.input_file_id), { status: 404 })
    await assert.rejects(others.files.content(mine.output_file_id ?? ''), { status: 404 })
    await assert.rejects(others.files.delete(mine.input_file_id), { status: 404 })
    assert.deepEqual((await others.files.list()).data, [])
    assert.deepEqual((await others.batches.list()).data, [])
    test.consumer.script = async function* (_request, _signal, spent) {
      yield ACCEPTED
      spent(10)
      yield END
    }
    client = others
    const batch = await ended(await create(Array.from({ length: 20 }, (_, at) => line(`${at}`))))
    assert.equal(batch.status, 'completed')
    assert.ok((batch.request_counts?.failed ?? 0) >= 16)
    assert.match(
      JSON.stringify((await read(batch.error_file_id))[0]?.response?.body),
      /spending_limit_reached/
    )
  })

  it('pages through lists as the SDK does', async () => {
    await start()
    const made: string[] = []
    for (let at = 0; at < 5; at++) made.unshift((await upload([line('a')])).id)
    const ids: string[] = []
    for await (const { id } of client.files.list({ limit: 2 })) ids.push(id)
    assert.deepEqual(ids, made)
    const first = await client.files.list({ limit: 2, order: 'asc' })
    assert.deepEqual(
      first.data.map(({ id }) => id),
      made.toReversed().slice(0, 2)
    )
  })

  it('keeps files encrypted, bounded, and gone when deleted', async () => {
    await start({ jobLimits: { fileBytes: 4096 } })
    const { id, bytes, expires_at: expires, created_at: created } = await upload([line('SECRET-MARKER')])
    assert.equal((await client.files.waitForProcessing(id)).id, id)
    assert.equal(expires, created + 30 * 86_400)
    assert.equal((await (await client.files.content(id)).text()).length, bytes)
    await assert.rejects(upload([line('x'.repeat(5000))]), { status: 413 })
    await assert.rejects(
      client.files.create({ file: await toFile(Buffer.from(''), 'e.jsonl'), purpose: 'batch' }),
      {
        status: 400
      }
    )
    await assert.rejects(
      client.files.create({ file: await toFile(Buffer.from('{}'), 'e.jsonl'), purpose: 'vision' }),
      { status: 400, param: 'purpose' }
    )
    assert.deepEqual(await client.files.delete(id), { id, object: 'file', deleted: true })
    await assert.rejects(client.files.retrieve(id), { status: 404 })
    assert.equal((await client.files.list()).data.length, 0)
    for (const file of [store.file, `${store.file}-wal`])
      assert.equal((await readFile(file).catch(() => Buffer.alloc(0))).includes('SECRET-MARKER'), false)
  })

  it('refuses what cannot become a batch', async () => {
    await start({ jobLimits: { openBatches: 1 } })
    await assert.rejects(create([line('a')], { endpoint: '/v1/images' }), { status: 400, param: 'endpoint' })
    await assert.rejects(create([line('a')], { completion_window: '1h' }), { status: 400 })
    await assert.rejects(create([line('a')], { input_file_id: 'file-none' }), {
      status: 400,
      param: 'input_file_id'
    })
    await assert.rejects(client.batches.retrieve('batch_none'), { status: 404 })
    const absent = await ended(await create([line('a', {}, { model: 'absent' })]))
    assert.equal(absent.errors?.data?.[0]?.code, 'model_not_found')
    const empty = await ended(await create(['\n']))
    assert.equal(empty.errors?.data?.[0]?.code, 'empty_file')
    test.consumer.script = async function* (_request, signal) {
      yield ACCEPTED
      await aborted(signal)
    }
    await create([line('a')])
    await assert.rejects(create([line('a')]), { status: 429 })
  }).timeout(30_000)
})
