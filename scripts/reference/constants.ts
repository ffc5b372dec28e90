import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** The generated page. */
export const REFERENCE_FILE = join(ROOT, 'docs/reference.md')
