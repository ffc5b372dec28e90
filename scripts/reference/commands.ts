import type { CommandSpec } from '../../node/entry/command.ts'
import { COMMANDS } from '../../node/entry/command-list.ts'
import { EXIT_CODES } from '../../node/entry/errors.ts'
import { code, plain, table } from './table.ts'

/** Every command with its argument and options, and the exit codes. */
export function commandsSection(): string {
  const rows = COMMANDS.map((spec) => [
    code(['lobstah-node', spec.name, spec.argument?.name, spec.second?.name].filter(Boolean).join(' ')),
    plain(spec.description),
    details(spec).join('<br>')
  ])
  const codes = Object.entries(EXIT_CODES).map(([exit, meaning]) => [exit, meaning])
  return `## Commands

\`lobstah-node\` without a command runs a node and its gateway. With \`--json\` a command prints one JSON document, or one line for each event if it keeps running. \`-\` as an argument stands for the text on stdin.

${table(['Command', 'Description', 'Argument and options'], rows)}

### Exit codes

${table(['Code', 'Meaning'], codes)}`
}

function details({ argument, second, options = [] }: CommandSpec): string[] {
  const args = [argument, second].filter((each) => each !== undefined)
  return [
    ...args.map(
      ({ name, description, default: value }) =>
        `${code(name)} ${plain(description)}${value === undefined ? '' : ` (default: ${value})`}`
    ),
    ...options.map(
      (option) => `${code(option.flags)} ${plain(option.description)}${choices(option.argChoices)}`
    )
  ]
}

function choices(names: string[] | undefined): string {
  return names === undefined ? '' : ` (${names.map(code).join(', ')})`
}
