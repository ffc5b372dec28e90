import { constants, deflateRawSync, deflateSync } from 'node:zlib'

/** One page: what its content stream is, and how that is encoded. */
export interface PdfPage {
  content: Buffer | string
  filter?: string
  /** Fonts besides `/F1 3 0 R`. */
  fonts?: string
  /** Objects of its own that the page's resources name, as dictionaries or streams. */
  resources?: string
}

export interface PdfOptions {
  /** Further objects, numbered from 4 on. */
  objects?: (Buffer | string)[]
  /** Further entries of the trailer. */
  trailer?: string
}

/** A PDF of pages, by the letter of PDF 1.4. Objects 1 to 3 are the catalogue, the pages and a font. */
export function pdfOf(pages: PdfPage[], { objects = [], trailer = '' }: PdfOptions = {}): Buffer {
  const first = 4 + objects.length
  const kids = pages.map((_, index) => `${first + index * 2} 0 R`)
  const all: Buffer[] = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${kids.join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...objects,
    ...pages.flatMap(({ content, filter, fonts = '', resources = '' }, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R ${fonts} >> ${resources} >> /Contents ${first + index * 2 + 1} 0 R >>`,
      streamOf(content, filter === undefined ? '' : `/Filter ${filter}`)
    ])
  ].map((object) => Buffer.from(object))
  const parts = [Buffer.from('%PDF-1.4\n')]
  const offsets: number[] = []
  let at = parts[0]!.length
  for (const [index, object] of all.entries()) {
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')])
    offsets.push(at)
    parts.push(part)
    at += part.length
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = all.length + 1
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${at}\n%%EOF\n`
    )
  )
  return Buffer.concat(parts)
}

/** A stream object. */
export function streamOf(content: Buffer | string, entries = ''): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([
    Buffer.from(`<< ${entries} /Length ${bytes.length} >>\nstream\n`),
    bytes,
    Buffer.from('\nendstream')
  ])
}

/** A PDF whose pages each show one line. */
export function pdfWith(...lines: string[]): Buffer {
  return pdfOf(lines.map((line) => ({ content: `BT /F1 24 Tf 72 700 Td (${line}) Tj ET` })))
}

/** A PDF that shows bytes in a font that it does not contain, by a CMap that every reader is to know. */
export function cMapPdf(cMap: string, ordering: string, bytes: string): Buffer {
  const system = `<< /Registry (Adobe) /Ordering (${ordering}) /Supplement 2 >>`
  const objects = [
    `<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /${cMap} /DescendantFonts [5 0 R] >>`,
    `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /X /CIDSystemInfo ${system} /FontDescriptor 6 0 R >>`,
    '<< /Type /FontDescriptor /FontName /X /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>'
  ]
  const content = `BT /F1 24 Tf 72 730 Td (Latin) Tj /F2 24 Tf 0 -30 Td <${bytes}> Tj ET`
  return pdfOf([{ content, fonts: '/F2 4 0 R' }], { objects })
}

/** A file of some KB with `mebibytes` of spaces in it, deflated twice. */
export function pdfBomb(mebibytes: number): Buffer {
  // Flushed, each piece is deflated to the same bytes, so that the whole need not be deflated here.
  const piece = deflateRawSync(Buffer.alloc(2 ** 20, ' '), { finishFlush: constants.Z_FULL_FLUSH })
  const spaces = [
    Buffer.from([0x78, 0x9c]),
    ...Array<Buffer>(mebibytes).fill(piece),
    Buffer.from([3, 0, 0, 0, 0, 0])
  ]
  const content = deflateSync(Buffer.concat(spaces), { level: 9 })
  return pdfOf([{ content, filter: '[/FlateDecode /FlateDecode]' }])
}

/** A PDF whose forms call one another ten times each, `depth` deep: it takes no memory and no end of time. */
export function endlessPdf(depth = 12): Buffer {
  const form = (index: number): Buffer => {
    const last = index === depth - 1
    const content = last ? 'BT /F1 1 Tf (x) Tj ET' : `/X${index + 1} Do `.repeat(10)
    const inner = last ? '/Font << /F1 3 0 R >>' : `/XObject << /X${index + 1} ${index + 5} 0 R >>`
    return streamOf(content, `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << ${inner} >>`)
  }
  const objects = Array.from({ length: depth }, (_, index) => form(index))
  return pdfOf([{ content: '/X0 Do', resources: '/XObject << /X0 4 0 R >>' }], { objects })
}

/** A PDF that opens with a password only. */
export function lockedPdf(): Buffer {
  const secret = `<${'5a'.repeat(32)}>`
  const objects = [`<< /Filter /Standard /V 1 /R 2 /O ${secret} /U ${secret} /P -4 >>`]
  return pdfOf([{ content: 'BT /F1 24 Tf (secret) Tj ET' }], {
    objects,
    trailer: `/Encrypt 4 0 R /ID [<${'00'.repeat(16)}> <${'00'.repeat(16)}>]`
  })
}
