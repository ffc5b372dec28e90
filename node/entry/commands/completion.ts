import type { CommandSpec } from '../command.ts'
import { SHELLS, completionScript } from '../completion/scripts.ts'
import { shape } from '../completion/shape.ts'
import { CommandError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'

/** Prints a shell's completion script. Throws CommandError for another shell. */
export function completion(
  name: string,
  commands: readonly CommandSpec[],
  groups: Readonly<Record<string, string>>,
  output: Output
): Promise<void> {
  const shell = SHELLS.find((each) => each === name)
  if (shell === undefined)
    throw new CommandError(`There is no completion for ${name}: name one of ${SHELLS.join(', ')}`, EXIT.usage)
  const script = completionScript(shell, shape(commands, groups))
  output.result({ shell, script }, () => script)
  return Promise.resolve()
}
