/** Writes docs/reference.md and the units of deploy/: `npm run reference`. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REFERENCE_FILE } from './reference/constants.ts'
import { deployedUnits } from './reference/deployed-units.ts'
import { referencePage } from './reference/reference.ts'

await writeFile(REFERENCE_FILE, await referencePage())
for (const [name, text] of Object.entries(deployedUnits()))
  await writeFile(join(import.meta.dirname, '../deploy', name), text)
