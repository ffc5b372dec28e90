import { findPackageJSON } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Globals that the build defines for bundled modules. CommonJS modules expect the first two. */
export const __filename = import.meta.filename
export const __dirname = import.meta.dirname

/** The folder of the built package, as a URL. */
export const __dist = new URL('dist/', pathToFileURL(findPackageJSON(import.meta.url)))
