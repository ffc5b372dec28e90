import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { z } from 'zod'

const manifest = z.object({ version: z.string() })

/** The version in package.json, which stands above the source and above `dist` alike. */
export function packageVersion(): string {
  const file = findPackageJSON(import.meta.url)
  return file === undefined ? 'unknown' : manifest.parse(JSON.parse(readFileSync(file, 'utf8'))).version
}
