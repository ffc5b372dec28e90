/** Why a PDF cannot be read. */
export type PdfFault =
  'aborted' | 'broken' | 'characters' | 'deadline' | 'empty' | 'encrypted' | 'failed' | 'long' | 'memory'

/** What comes of a PDF. */
export type PdfResult = { text: string } | { fault: PdfFault }

/** What the process that reads a PDF is told. */
export interface PdfJob {
  bytes: Uint8Array
  /** The most text to be read, in characters. */
  maxLength: number
  /** The most memory to be taken, in bytes. */
  maxMemory: number
}
