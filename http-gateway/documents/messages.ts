/** Why a PDF cannot be read. */
export type PdfFault =
  'aborted' | 'broken' | 'characters' | 'deadline' | 'empty' | 'encrypted' | 'failed' | 'long' | 'memory'

/** The result of reading a PDF. */
export type PdfResult = { text: string } | { fault: PdfFault }

/** The message to the process that reads a PDF. */
export interface PdfJob {
  bytes: Uint8Array
  /** The most text to be read, in characters. */
  maxLength: number
  /** The most memory to be taken, in bytes. */
  maxMemory: number
}
