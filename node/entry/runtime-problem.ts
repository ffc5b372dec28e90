/** The oldest Node that this program runs on; package.json says the same. */
const OLDEST_MAJOR = 24

/** What is wrong with the Node of this version, such as `20.20.2`, and what to do; undefined where it will do. */
export function runtimeProblem(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return undefined
  return `Node ${OLDEST_MAJOR} or newer is needed, and this is Node ${version}. Install it from https://nodejs.org, or in a checkout use npm (npm start), which brings its own.`
}
