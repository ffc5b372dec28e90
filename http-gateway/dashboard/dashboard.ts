import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { GatewayContext } from '../context.ts'

/**
 * `GET /`: a page that shows what the JSON routes tell. It holds nothing of this node's, so it answers without
 * a key; it asks for one where the routes do.
 */
export function dashboard(app: FastifyInstance, _context: GatewayContext, done: () => void): void {
  // A checkout on Windows may have other line ends, and browsers hash what the HTML parser makes of them.
  const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8').replaceAll('\r\n', '\n')
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy(page),
    'cache-control': 'no-cache',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY'
  }
  app.get('/', { config: { public: true } }, (_request, reply) => reply.headers(headers).send(page))
  done()
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
