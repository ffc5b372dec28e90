/** Writes docs/reference.md: `npm run reference`. */
import { writeFile } from 'node:fs/promises'
import { REFERENCE_FILE } from './reference/constants.ts'
import { referencePage } from './reference/reference.ts'

await writeFile(REFERENCE_FILE, await referencePage())
