import { text } from 'node:stream/consumers'
import { CommandError, EXIT } from './errors.ts'

/** The text of an argument; `-` stands for stdin, without the final newline. Throws CommandError if it is empty. */
export async function spoken(argument: string): Promise<string> {
  if (argument !== '-') return argument
  const said = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (said === '') throw new CommandError('stdin is empty: - reads the argument from there', EXIT.usage)
  return said
}
