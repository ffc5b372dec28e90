import type { Flag, Shape, Word } from './shape.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const PROGRAM = 'lobstah-node'

/** The completion script for a shell. It starts no program at a Tab. */
export function completionScript(shell: Shell, of: Shape): string {
  switch (shell) {
    case 'bash':
      return bash(of)
    case 'zsh':
      return zsh(of)
    case 'fish':
      return fish(of)
  }
}

/** A `case` by the command so far; each branch sets the candidates. */
function branches<T>(table: Record<string, T[]>, body: (items: T[]) => string): string {
  return Object.entries(table)
    .filter(([name, items]) => name !== '' && items.length > 0)
    .map(([name, items]) => `    ${quote(name)}) ${body(items)} ;;`)
    .join('\n')
}

function bash({ commands, flags, files }: Shape): string {
  const words = (list: readonly Word[]): string => list.map(({ word }) => word).join(' ')
  return `# ${PROGRAM} completion for bash: source <(${PROGRAM} completion bash)
_lobstah_node() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} first= second= i candidates=
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    -*) ;;
    *) if [[ -z $first ]]; then first=\${COMP_WORDS[i]}; elif [[ -z $second ]]; then second=\${COMP_WORDS[i]}; fi ;;
    esac
  done
  COMPREPLY=()
  case $prev in
${valueBranches(flags, (flag) =>
  flag.takes === 'file'
    ? 'COMPREPLY=($(compgen -f -- "$cur")); return'
    : flag.values.length > 0
      ? `COMPREPLY=($(compgen -W ${quote(flag.values.join(' '))} -- "$cur")); return`
      : 'return'
)}
  esac
  if [[ $cur == -* ]]; then
    candidates=${quote(words(flags[''] ?? []))}
    case "$first\${second:+ $second}" in
${branches(flags, (list) => `candidates+=${quote(` ${words(list)}`)}`)}
    esac
    # An argument of a command with one word stands where a group has its second word.
    case $first in
${branches(flags, (list) => `[[ -n $second ]] && candidates+=${quote(` ${words(list)}`)}`)}
    esac
  elif [[ -z $first ]]; then
    candidates=${quote(words(commands[''] ?? []))}
  elif [[ -z $second ]]; then
    case $first in
${branches(commands, (list) => `candidates=${quote(words(list))}`)}
    esac
  fi
  case "$first\${second:+ $second}" in
    ${files.map(quote).join(' | ')}) COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
  COMPREPLY+=($(compgen -W "$candidates" -- "$cur"))
}
complete -F _lobstah_node ${PROGRAM}
`
}

function zsh({ commands, flags, files }: Shape): string {
  const described = (list: readonly Word[]): string =>
    list.map(({ word, meaning }) => quote(`${word}:${meaning}`)).join(' ')
  return `#compdef ${PROGRAM}
# ${PROGRAM} completion for zsh: ${PROGRAM} completion zsh > "\${fpath[1]}/_${PROGRAM}"
_lobstah_node() {
  local first second word prev=\${words[CURRENT-1]}
  local -a candidates
  for word in \${words[2,CURRENT-1]}; do
    case $word in
    -*) ;;
    *) if [[ -z $first ]]; then first=$word; elif [[ -z $second ]]; then second=$word; fi ;;
    esac
  done
  case $prev in
${valueBranches(flags, (flag) =>
  flag.takes === 'file'
    ? '_files; return'
    : flag.values.length > 0
      ? `compadd -- ${flag.values.map(quote).join(' ')}; return`
      : 'return'
)}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    candidates=(${described(flags[''] ?? [])})
    case "$first\${second:+ $second}" in
${branches(flags, (list) => `candidates+=(${described(list)})`)}
    esac
    _describe flag candidates
  elif [[ -z $first ]]; then
    candidates=(${described(commands[''] ?? [])})
    _describe command candidates
  else
    case "$first\${second:+ $second}" in
${branches(commands, (list) => `candidates=(${described(list)}); _describe command candidates`)}
    ${files.map(quote).join(' | ')}) _files ;;
    esac
  fi
}
compdef _lobstah_node ${PROGRAM}
`
}

function fish({ commands, flags, files }: Shape): string {
  const lines = [
    `# ${PROGRAM} completion for fish: ${PROGRAM} completion fish > ~/.config/fish/completions/${PROGRAM}.fish`,
    `complete -c ${PROGRAM} -f`
  ]
  const groups = Object.keys(commands).filter((name) => name !== '')
  for (const { word, meaning } of commands[''] ?? [])
    lines.push(`complete -c ${PROGRAM} -n __fish_use_subcommand -a ${word} -d ${quote(meaning)}`)
  for (const group of groups) {
    const list = commands[group] ?? []
    const seen = list.map(({ word }) => word).join(' ')
    const condition = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${seen}`
    for (const { word, meaning } of list)
      lines.push(`complete -c ${PROGRAM} -n ${quote(condition)} -a ${word} -d ${quote(meaning)}`)
  }
  for (const [name, list] of Object.entries(flags)) {
    const seen = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
    const condition = name === '' ? '' : ` -n ${quote(seen.join('; and '))}`
    for (const flag of list) lines.push(`complete -c ${PROGRAM}${condition}${fishFlag(flag)}`)
  }
  for (const name of files) {
    const seen = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
    lines.push(`complete -c ${PROGRAM} -n ${quote(seen.join('; and '))} -F`)
  }
  return `${lines.join('\n')}\n`
}

function fishFlag({ word, meaning, values, takes }: Flag): string {
  const value =
    takes === 'nothing'
      ? ''
      : takes === 'file'
        ? ' -r -F'
        : values.length > 0
          ? ` -x -a ${quote(values.join(' '))}`
          : ' -x'
  return ` -l ${word.replace(/^--/, '')}${value} -d ${quote(meaning)}`
}

/** Completions for the value of each flag that takes one. */
function valueBranches(flags: Record<string, Flag[]>, body: (flag: Flag) => string): string {
  const taking = new Map<string, Flag>()
  for (const flag of Object.values(flags).flat()) {
    // Of two commands' flags of one name, the one whose values are known tells more.
    const known = taking.get(flag.word)?.values.length ?? 0
    if (flag.takes !== 'nothing' && known === 0) taking.set(flag.word, flag)
  }
  return [...taking.values()].map((flag) => `    ${flag.word}) ${body(flag)} ;;`).join('\n')
}

/** A text as one word of all three shells; line breaks would end a description. */
function quote(text: string): string {
  return `'${text.replaceAll(/\s+/g, ' ').replaceAll("'", '’')}'`
}
