/** Largest PDF that is read, in bytes. */
export const MAX_PDF_BYTES = 32 * 1024 * 1024

/** Most text that one PDF, and all PDFs of a request together, may hold, in characters: about a million tokens. */
export const MAX_PDF_TEXT_LENGTH = 4_000_000

/** Most memory that the process reading a PDF may take, in bytes; 10,000 pages of text need 300 MB. */
export const MAX_PDF_MEMORY_BYTES = 512 * 1024 * 1024

/** How often that memory is looked at, in milliseconds: a decompressor fills 2 GB in a second. */
export const MEMORY_POLL_MS = 20

/** Longest time that one PDF may take, in milliseconds. */
export const PDF_DEADLINE_MS = 10_000

/** Longest time that all PDFs of a request may take, waiting included, in milliseconds. */
export const REQUEST_DEADLINE_MS = 30_000

/** PDFs that are read at once, each in a process of its own. */
export const MAX_PDF_PROCESSES = 2

/** Bytes of all PDFs that are being read or wait for it. */
export const MAX_WAITING_BYTES = 128 * 1024 * 1024

/** PDFs that are being read or wait for it. */
export const MAX_WAITING_PDFS = 64

/** Text of PDFs that is kept because agents send the same files with each turn, in characters. */
export const MAX_KEPT_LENGTH = 8_000_000

/** Overhead of a cached PDF beyond its text, in characters. */
export const KEPT_ENTRY_LENGTH = 1_000

/** Longest name of a document that a model or a client is told, in characters. */
export const MAX_NAME_LENGTH = 200
