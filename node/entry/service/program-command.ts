import { realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The command line of this program, for a service. Links in PATH are preferred to the files that they lead to: Homebrew
 * names its folders by version, and removes them at the next upgrade.
 */
export function programCommand(
  env: NodeJS.ProcessEnv,
  node: string = process.execPath,
  main: string = process.argv[1] ?? ''
): string[] {
  return [stable('node', node, env), stable('lobstah-node', main, env)]
}

/** The first file of this name in PATH that leads to the same file; else the file itself. */
function stable(name: string, file: string, env: NodeJS.ProcessEnv): string {
  const target = real(file)
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find((link) => real(link) === target) ?? file
}

function real(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}
