import { marked, type Token, type Tokens } from 'marked'
import { Fragment, type ComponentChildren, type JSX } from 'preact'

/** Longest text that is read as Markdown, in characters; a longer one is shown as it is. */
const MAX_LENGTH = 200_000

/** Deepest nesting that is drawn: beyond, the text is shown as it is. */
const MAX_DEPTH = 24

/** Where links may lead. */
const SAFE_LINK = /^(https?:\/\/|mailto:)/i

/**
 * Text of a model as Markdown. It is read into tokens, from which elements are made: no text ever becomes HTML, and
 * nothing is loaded from anywhere. Images are links.
 */
export function Markdown({ text }: { text: string }): JSX.Element {
  const tokens = tokensOf(text)
  return tokens === undefined ? <p class="plain">{text}</p> : <>{blocks(tokens, 0)}</>
}

function tokensOf(text: string): Token[] | undefined {
  if (text.length > MAX_LENGTH) return undefined
  try {
    return marked.lexer(text)
  } catch {
    // Nested too deeply for the reader's stack.
    return undefined
  }
}

function blocks(tokens: readonly Token[], depth: number): JSX.Element[] {
  return tokens.map((token, at) => <Fragment key={at}>{block(token as Tokens.Generic, depth)}</Fragment>)
}

function block(token: Tokens.Generic, depth: number): ComponentChildren {
  if (depth > MAX_DEPTH) return token.raw
  const inner = (): JSX.Element[] => blocks(token.tokens ?? [], depth + 1)
  switch (token.type) {
    case 'space':
    case 'def':
      return null
    case 'paragraph':
      return <p>{inner()}</p>
    case 'heading':
      return <p class="heading">{inner()}</p>
    case 'blockquote':
      return <blockquote>{inner()}</blockquote>
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{String(token['text'])}</code>
        </pre>
      )
    case 'hr':
      return <hr />
    case 'list':
      return list(token as Tokens.List, depth)
    case 'table':
      return table(token as Tokens.Table, depth)
    case 'strong':
      return <strong>{inner()}</strong>
    case 'em':
      return <em>{inner()}</em>
    case 'del':
      return <del>{inner()}</del>
    case 'codespan':
      return <code>{String(token['text'])}</code>
    case 'br':
      return <br />
    case 'link':
      return link(String(token['href']), inner(), token.raw)
    case 'image':
      return link(String(token['href']), [<>{String(token['text']) || 'image'}</>], token.raw)
    case 'escape':
      return String(token['text'])
    case 'text':
      return token.tokens === undefined ? String(token['text']) : inner()
    default:
      // HTML too: it is shown, not used.
      return token.raw
  }
}

function list({ ordered, start, items }: Tokens.List, depth: number): JSX.Element {
  const children = items.map((item, at) => (
    <li key={at}>
      {item.task ? (
        <input type="checkbox" checked={item.checked === true} disabled aria-label="task" />
      ) : null}
      {blocks(item.tokens, depth + 1)}
    </li>
  ))
  return ordered ? <ol start={start === '' ? 1 : start}>{children}</ol> : <ul>{children}</ul>
}

function table({ header, rows }: Tokens.Table, depth: number): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead>
          <tr>
            {header.map((cell, at) => (
              <th key={at}>{blocks(cell.tokens, depth + 1)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column}>{blocks(cell.tokens, depth + 1)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function link(href: string, children: JSX.Element[], raw: string): ComponentChildren {
  if (!SAFE_LINK.test(href)) return raw
  return (
    <a href={href} rel="noopener noreferrer nofollow" target="_blank">
      {children}
    </a>
  )
}
