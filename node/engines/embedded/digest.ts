import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

/** Knows the digest of one file, and reads the file again only when its size or time has changed. */
export class FileDigest {
  readonly #path: string
  readonly #closing: AbortSignal
  #stamp = ''
  #digest: Promise<string> | undefined

  /** Reading stops when `closing` is aborted. */
  constructor(path: string, closing: AbortSignal) {
    this.#path = path
    this.#closing = closing
  }

  /** `sha256:` and the file's SHA-256 in hex. A large file takes minutes; everybody waits for one reading. */
  async read(): Promise<string> {
    const { size, mtimeMs } = await stat(this.#path)
    const stamp = `${size}:${mtimeMs}`
    if (this.#digest === undefined || stamp !== this.#stamp) {
      this.#stamp = stamp
      this.#digest = this.#hash()
      this.#digest.catch(() => {
        this.#digest = undefined
      })
    }
    return this.#digest
  }

  async #hash(): Promise<string> {
    const hash = createHash('sha256')
    await pipeline(createReadStream(this.#path), hash, { signal: this.#closing })
    return `sha256:${hash.digest('hex')}`
  }
}
