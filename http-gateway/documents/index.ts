/**
 * Documents that clients send: text is decoded, PDFs are read in processes of their own, within bounds of size,
 * memory, time and text.
 *
 * @packageDocumentation
 */
export {
  ADDRESS,
  faultPart,
  fileFields,
  filePart,
  IMAGE_LEFT_OUT,
  openAiFilePart,
  STORED,
  type DocumentPart,
  type Place
} from './parts.ts'
export { asDocument } from './file.ts'
export { PdfReader } from './pdf-reader.ts'
export { readDocuments } from './read-documents.ts'
