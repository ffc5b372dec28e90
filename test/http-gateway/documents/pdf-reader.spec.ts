import assert from 'node:assert/strict'
import { PdfReader } from '../../../http-gateway/documents/index.ts'
import { readInProcess } from '../../../http-gateway/documents/pdf-process.ts'
import type { PdfResult } from '../../../http-gateway/documents/messages.ts'
import { BusyError } from '../../../protocols/errors.ts'
import { CMaps } from '../../../http-gateway/documents/cmaps.ts'
import { cMapPdf, endlessPdf, lockedPdf, pdfBomb, pdfOf, pdfWith } from '../../support/pdf.ts'

const NEVER = new AbortController().signal
const LONG_MS = 60_000

describe('http-gateway/documents/pdf-process', function () {
  this.timeout(LONG_MS)

  const read = (bytes: Buffer, deadlineMs = LONG_MS, maxLength = 1_000): Promise<PdfResult> =>
    readInProcess({ bytes, maxLength, maxMemory: 512 * 2 ** 20 }, deadlineMs, NEVER)

  it('reads the text of every page', async () => {
    const lines = pdfOf([
      { content: 'BT /F1 24 Tf 72 700 Td (Hello world) Tj 0 -30 Td (second line) Tj ET' },
      { content: 'BT /F1 24 Tf 72 700 Td (page two) Tj ET' }
    ])
    assert.deepEqual(await read(lines), { text: 'Hello world\nsecond line\n\npage two' })
  })

  const scripts: [cMap: string, ordering: string, bytes: string, text: string][] = [
    ['90ms-RKSJ-H', 'Japan1', '93fa967b8cea', '日本語'],
    ['UniGB-UCS2-H', 'GB1', '4e2d6587', '中文'],
    ['ETen-B5-H', 'CNS1', 'a4a4a4e5', '中文'],
    ['KSCms-UHC-H', 'Korea1', 'c7d1b1db', '한글']
  ]
  for (const [cMap, ordering, bytes, text] of scripts) {
    it(`reads ${text}, whose bytes mean what ${cMap} says`, async () => {
      assert.deepEqual(await read(cMapPdf(cMap, ordering, bytes)), { text: `Latin\n${text}` })
    })
  }

  const faults: [what: string, bytes: () => Buffer, fault: string][] = [
    ['a PDF that inflates without end', () => pdfBomb(2048), 'memory'],
    ['a PDF without text', () => pdfOf([{ content: 'q Q' }]), 'empty'],
    ['a PDF with more text than is wanted', () => pdfWith(...Array<string>(40).fill('x'.repeat(40))), 'long'],
    ['a locked PDF', lockedPdf, 'encrypted'],
    ['what is no PDF', () => Buffer.from('%PDF-1.4 and then nothing'), 'broken']
  ]
  for (const [what, bytes, fault] of faults) {
    it(`tells of ${what}`, async () => {
      assert.deepEqual(await read(bytes()), { fault })
    })
  }

  it('kills what works without end, on its deadline or on a signal', async () => {
    assert.deepEqual(await read(endlessPdf(), 2_000, 2 ** 40), { fault: 'deadline' })
    const bytes = endlessPdf()
    const job = { bytes, maxLength: 2 ** 40, maxMemory: 2 ** 40 }
    assert.deepEqual(await readInProcess(job, LONG_MS, AbortSignal.timeout(500)), { fault: 'aborted' })
  })
})

describe('http-gateway/documents/cmaps', () => {
  it('gives CMaps and nothing else, and remembers that one is missing', async () => {
    const fetch = (filename: string, kind = 'cMapUrl') => new CMaps().fetch({ kind, filename })
    assert.ok((await fetch('H.bcmap')).length > 100)
    await assert.rejects(fetch('H.bcmap', 'wasmUrl'))
    assert.equal(CMaps.missing, false)
    try {
      for (const name of ['Made-Up-H.bcmap', '../cmaps/H.bcmap', '/etc/passwd']) {
        CMaps.missing = false
        await assert.rejects(fetch(name))
        assert.equal(CMaps.missing, true)
      }
    } finally {
      CMaps.missing = false
    }
  })
})

describe('http-gateway/documents/pdf-reader', () => {
  it('reads a file once, and again when it failed for the moment', async () => {
    const seen: string[] = []
    const results: PdfResult[] = [{ text: 'a' }, { fault: 'deadline' }, { fault: 'empty' }]
    const reader = new PdfReader({
      run: async (bytes) => {
        seen.push(Buffer.from(bytes).toString())
        return results.shift() ?? { text: 'more' }
      }
    })
    const read = (text: string): Promise<PdfResult> => reader.read(Buffer.from(text), NEVER)
    for (const text of ['one', 'one', 'two', 'two', 'two']) await read(text)
    assert.deepEqual(seen, ['one', 'two', 'two'])
    assert.deepEqual(await read('two'), { fault: 'empty' })
  })

  it('forgets what was not asked for longest', async () => {
    let runs = 0
    const reader = new PdfReader({ run: async () => ({ text: 'x'.repeat(3_000_000 + runs++) }) })
    for (const text of ['a', 'b', 'a', 'c', 'a']) await reader.read(Buffer.from(text), NEVER)
    assert.equal(runs, 3)
    await reader.read(Buffer.from('b'), NEVER)
    assert.equal(runs, 4)
  })

  it('runs two at once, and refuses more than may wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    const reader = new PdfReader({
      run: async () => {
        most = Math.max(most, ++running)
        await promise
        running--
        return { text: 'x' }
      }
    })
    const reads = Array.from({ length: 64 }, (_, index) => reader.read(Buffer.from([index]), NEVER))
    await assert.rejects(reader.read(Buffer.from('one more'), NEVER), BusyError)
    resolve()
    await Promise.all(reads)
    assert.equal(most, 2)
    await reader.read(Buffer.from('one more'), NEVER)
  })

  it('refuses bytes beyond what may wait, however few files they are', async () => {
    const stop = new AbortController()
    const run = async (_: Uint8Array, signal: AbortSignal): Promise<PdfResult> => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { fault: 'aborted' }
    }
    const reader = new PdfReader({ run })
    const large = Array.from({ length: 4 }, (_, index) => Buffer.alloc(32 * 2 ** 20, index))
    const reads = large.map((bytes) => reader.read(bytes, stop.signal))
    await assert.rejects(reader.read(Buffer.from('x'), stop.signal), BusyError)
    stop.abort()
    for (const result of await Promise.all(reads)) assert.deepEqual(result, { fault: 'aborted' })
    const gone = AbortSignal.abort()
    assert.deepEqual(await reader.read(Buffer.from('x'), gone), { fault: 'aborted' })
  })
})
