import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** Where the build puts them; a checkout takes them from the package that has them. */
const BUILT = new URL('./cmaps/', import.meta.url)

/** Requests of pdf.js: a CMap by its name, fonts or WebAssembly. */
interface BinaryData {
  kind: string
  filename: string
}

/**
 * Gives pdf.js the CMaps that PDFs name and do not contain: what the bytes of Chinese, Japanese and Korean text mean.
 * pdf.js makes one for each document, and reads on without the text where it gets none; {@link missing} tells.
 */
export class CMaps {
  /** Whether a CMap was wanted that is not here. */
  static missing = false

  /** Reads a CMap; rejects for anything else, which text does not need. */
  async fetch({ kind, filename }: BinaryData): Promise<Uint8Array> {
    try {
      if (kind !== 'cMapUrl') throw new TypeError(`no ${kind} here`)
      // A name out of a stranger's file leads nowhere else.
      if (!/^[\w-]+\.bcmap$/.test(filename)) throw new TypeError('no name of a CMap')
      return new Uint8Array(await readFile(new URL(filename, folder())))
    } catch (err) {
      if (kind === 'cMapUrl') CMaps.missing = true
      throw err
    }
  }
}

function folder(): URL {
  return existsSync(fileURLToPath(BUILT))
    ? BUILT
    : new URL('./cmaps/', import.meta.resolve('pdfjs-dist/package.json'))
}
