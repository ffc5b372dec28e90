import { findPackageJSON } from 'node:module'
import { pathToFileURL } from 'node:url'

/** What the build gives to the bundled modules that name it. CommonJS modules take the first two for granted. */
export const __filename = import.meta.filename
export const __dirname = import.meta.dirname

/** The folder of the built package, as a URL. */
export const __dist = new URL('dist/', pathToFileURL(findPackageJSON(import.meta.url)))
