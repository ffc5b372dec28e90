import { SETTING_NAMES, describeConfig, settingChoices } from '../../config/index.ts'
import type { CommandSpec } from '../command.ts'

/** A word that may be typed, with what it means. */
export interface Word {
  word: string
  meaning: string
}

/** A flag; one that takes a value may have values to choose from, or take a file. */
export interface Flag extends Word {
  values: readonly string[]
  takes: 'nothing' | 'text' | 'file'
}

/** Words that can follow each command: `''` for the first word. */
export interface Shape {
  /** By the words before: '' or a group. */
  commands: Record<string, Word[]>
  /** By the command's full name; '' for those that every command takes. */
  flags: Record<string, Flag[]>
  /** Commands whose argument is a file. */
  files: string[]
}

/** The command line as the completions of all shells know it. */
export function shape(specs: readonly CommandSpec[], groups: Readonly<Record<string, string>>): Shape {
  const commands: Record<string, Word[]> = { '': [] }
  const flags: Record<string, Flag[]> = { '': settings() }
  const files: string[] = []
  for (const { name, description, options = [], argument } of specs) {
    const [first = '', second] = name.split(' ')
    const top = commands[''] ?? []
    if (!top.some(({ word }) => word === first))
      top.push({ word: first, meaning: groups[first] ?? description })
    if (second !== undefined) (commands[first] ??= []).push({ word: second, meaning: description })
    if (argument?.file === true) files.push(name)
    flags[name] = options.map((option) => ({
      word: option.long ?? option.flags,
      meaning: option.description,
      values: option.argChoices ?? [],
      takes:
        !option.required && !option.optional ? 'nothing' : /<(path|file)/.test(option.flags) ? 'file' : 'text'
    }))
  }
  return { commands, flags, files }
}

function settings(): Flag[] {
  return describeConfig()
    .filter(({ flag }) => flag !== '')
    .map(({ name, flag, type, text, default: value }) => {
      const setting = SETTING_NAMES.find((each) => each === name)
      const off = type === 'boolean' && value === 'true'
      return {
        word: off ? flag.replace('--', '--no-') : flag,
        meaning: text,
        values: setting === undefined ? [] : settingChoices(setting),
        takes: type === 'boolean' ? 'nothing' : /File$|Cert$|gatewayKey|^home$/.test(name) ? 'file' : 'text'
      }
    })
}
