import { CHUNK_BYTES } from './constants.ts'
import type { FileRecord } from './records.ts'
import type { JobStore } from './store.ts'
import type { NewFile } from './worker/files-table.ts'

/** Writes one file piece by piece. Nobody sees it before it is whole. */
export class FileWriter {
  readonly #store: JobStore
  readonly #file: NewFile
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #chunks = 0
  #bytes = 0

  private constructor(store: JobStore, file: NewFile) {
    this.#store = store
    this.#file = file
  }

  static async open(store: JobStore, file: NewFile): Promise<FileWriter> {
    await store.call('createFile', file)
    return new FileWriter(store, file)
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#pending.push(piece)
    this.#pendingBytes += piece.byteLength
    this.#bytes += piece.byteLength
    if (this.#pendingBytes >= CHUNK_BYTES) await this.flush()
  }

  /** Puts what is pending on disk. */
  async flush(): Promise<void> {
    if (this.#pendingBytes === 0) return
    const piece = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    await this.#store.call('appendFile', this.#file.id, this.#chunks++, piece)
  }

  /** Makes the file visible, until it expires: seconds since 1970. */
  async finish(expiresAt: number | null, filename: string): Promise<FileRecord> {
    await this.flush()
    const record = await this.#store.call('finishFile', this.#file.id, filename, expiresAt)
    return record as FileRecord
  }

  /** Drops what was written. */
  async abandon(): Promise<void> {
    await this.#store.call('deleteFile', this.#file.owner, this.#file.id).catch(() => undefined)
  }
}

/** A file's content, piece by piece. */
export async function* readFile(store: JobStore, id: string): AsyncGenerator<Uint8Array> {
  for (let n = 0; ; n++) {
    const piece = await store.call('fileChunk', id, n)
    if (piece === undefined) return
    yield piece
  }
}
