import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { route } from '../route.ts'

interface Page {
  html: string
  headers: Record<string, string>
}

let page: Page | undefined

/**
 * `GET /`: a page that shows what the JSON routes tell. It holds nothing of this node's, so it answers without
 * a key; it asks for one where the routes do.
 */
export const dashboard = route({
  method: 'GET',
  path: '/',
  summary: 'The dashboard, an HTML page',
  type: 'text/html',
  public: true,
  handle(_context, { reply }) {
    const { html, headers } = (page ??= readPage())
    return reply.headers(headers).send(html)
  }
})

function readPage(): Page {
  // A checkout on Windows may have other line ends, and browsers hash what the HTML parser makes of them.
  const html = readFileSync(new URL('./page.html', import.meta.url), 'utf8').replaceAll('\r\n', '\n')
  return {
    html,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(html),
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY'
    }
  }
}

/** Runs the page's own script and style, by their hashes, and reaches nothing but this gateway. */
function contentSecurityPolicy(page: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf('script', page)}`,
    `style-src ${hashOf('style', page)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join('; ')
}

function hashOf(tag: string, page: string): string {
  const text = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
