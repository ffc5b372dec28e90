/** The oldest Node that this program runs on; package.json says the same. */
const OLDEST_MAJOR = 24

/** Why this version of Node, such as `20.20.2`, does not suffice, and what to do; undefined if it suffices. */
export function runtimeProblem(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return undefined
  return `Node ${OLDEST_MAJOR} or newer is needed, and this is Node ${version}. Install it from https://nodejs.org, or in a checkout use npm (npm start), which brings its own.`
}
