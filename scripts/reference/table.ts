/** A table in Markdown. Cells may hold Markdown, but no line breaks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Text as code; empty where there is none. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}

/** Plain text as Markdown: without code, angle brackets would be read as HTML. */
export function plain(text: string): string {
  return text
    .replaceAll(/<[^>]+>|--[a-z][\w-]*|\$?\{[^}]*\}|lobstah-node(?: \w+)*(?=")/g, '`$&`')
    .replaceAll('*', '\\*')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
