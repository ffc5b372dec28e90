import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JobStore, type JobStoreInit } from '../../../node/jobs/index.ts'

/** A folder with a job store, for as many starts as a test needs. */
export class TestStore {
  readonly folder: string
  readonly key = new Uint8Array(32).fill(7)

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<TestStore> {
    return new TestStore(await mkdtemp(join(tmpdir(), 'lobstah-jobs-')))
  }

  get file(): string {
    return join(this.folder, 'jobs.sqlite')
  }

  /** The store as one start opens it. */
  open(init: Partial<JobStoreInit> = {}): JobStore {
    return new JobStore({ file: this.file, key: this.key, ...init })
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
