import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { JobStoreClosedError, JobStoreError } from '../../../node/jobs/errors.ts'
import { TestStore } from '../../support/gateway/job-store.ts'

describe('node/jobs/store', () => {
  let place: TestStore
  beforeEach(async () => {
    place = await TestStore.create()
  })
  afterEach(() => place.remove())

  it('makes its file at the first call, and opens it at the next start', async () => {
    const first = place.open()
    await first.start()
    assert.deepEqual([first.unused, existsSync(place.file)], [true, false])
    // Calls at the same time share one thread.
    await Promise.all([first.call('openBatches'), first.call('size')])
    assert.deepEqual([first.unused, existsSync(place.file)], [false, true])
    await first.stop()
    await assert.rejects(first.call('size'), JobStoreClosedError)
    const second = place.open()
    await second.start()
    assert.equal(second.unused, false)
    await second.stop()
  })

  it('stops where it was never used', async () => {
    const store = place.open()
    await store.start()
    await store.stop()
    assert.equal(existsSync(place.file), false)
  })

  it('keeps a damaged file as it is, and says what to do', async () => {
    const damaged = 'no database at all, but longer than the header of one would be'.repeat(20)
    await writeFile(place.file, damaged)
    const store = place.open()
    await assert.rejects(store.start(), (err) => {
      assert.ok(err instanceof JobStoreError)
      assert.match(err.message, /is damaged .*: move it away, .* or start with --no-jobs/)
      return true
    })
    await store.stop()
  })
})
