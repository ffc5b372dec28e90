import type { Option } from 'commander'
import type { Config } from '../config/index.ts'
import type { Output } from './output.ts'

/** The input of every command: the settings in force, the environment, and the output. */
export interface CommandContext {
  config: Config
  /** The settings that were given as flags, not checked by themselves. */
  flags: Readonly<Record<string, unknown>>
  env: NodeJS.ProcessEnv
  output: Output
}

/** A command's argument. */
export interface CommandArgument {
  /** As the usage shows it: `<question>`, or `[question]` where it is optional. */
  name: string
  description: string
  default?: string
  /** The command opens the file itself, so that `-` reaches it; otherwise `-` is replaced by the text on stdin. */
  file?: boolean
}

/** One command: everything that the program and its reference need to know. */
export interface CommandSpec {
  /** The words that call it, such as `receipts list`. */
  name: string
  description: string
  argument?: CommandArgument
  /** A second argument, after the first. */
  second?: CommandArgument
  options?: readonly Option[]
  /** Runs it. An argument is empty where an optional one is left out. */
  run: (context: CommandContext, argument: string, flags: object, second: string) => Promise<void>
}

interface TypedSpec<Flags extends object> extends Omit<CommandSpec, 'run'> {
  run: (context: CommandContext, argument: string, flags: Flags, second: string) => Promise<void>
}

/** A command whose `run` takes the flags that its `options` parse. */
export function command<Flags extends object>(spec: TypedSpec<Flags>): CommandSpec {
  return {
    ...spec,
    run: (context, argument, flags, second) => spec.run(context, argument, flags as Flags, second)
  }
}
