import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { RouteNotFoundError } from '../errors.ts'
import { pathOf } from '../route-table.ts'
import { route } from '../route.ts'

/** Where `npm run build` puts the page: beside this module in the package, below `dist/` in a checkout. */
const PLACES = [
  new URL('./page/', import.meta.url),
  new URL('../../dist/http-gateway/dashboard/page/', import.meta.url)
]

/** The kinds of files that the page is made of. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/** The page runs its own files and nothing else, reaches this gateway and nobody else, and sets no HTML from text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin'
}

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>lobstah-node</title>
<h1>lobstah-node runs</h1>
<p>The dashboard is not built in this checkout. Build it with <code>npm run build:dashboard</code>, then load this page again.</p>
</html>
`

/** A file of the page; undefined where it was not built. Read anew each time: a node that nobody looks at holds nothing. */
async function read(name: string): Promise<Buffer | undefined> {
  for (const place of PLACES) {
    try {
      return await readFile(new URL(name, place))
    } catch {
      // Perhaps in the other place.
    }
  }
  return undefined
}

/** `GET /`: the dashboard. It holds nothing of this node's, so it answers without a key; its data does not. */
export const page = route({
  method: 'GET',
  path: '/',
  summary: 'The dashboard, an HTML page',
  type: 'text/html',
  public: true,
  async handle(_context, { reply }) {
    const html = (await read('index.html')) ?? NOT_BUILT
    return reply
      .headers({ ...HEADERS, 'content-type': TYPES['.html'], 'cache-control': 'no-cache' })
      .send(html)
  }
})

/** `GET /assets/<file>`: the dashboard's script and style, each under a name that its content gives. */
export const assets = route({
  method: 'GET',
  path: '/assets/*',
  summary: "The dashboard's script and style",
  type: 'text/javascript',
  public: true,
  async handle(_context, { request, reply }) {
    const path = pathOf(request.url)
    const name = /^\/assets\/([\w-]+\.(?:js|css|svg))$/.exec(path)?.[1]
    const type = name === undefined ? undefined : TYPES[extname(name)]
    const file = name === undefined ? undefined : await read(`assets/${name}`)
    if (file === undefined || type === undefined)
      throw new RouteNotFoundError('GET', path, 'the dashboard has no such file, load the page again')
    return reply
      .headers({ ...HEADERS, 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' })
      .send(file)
  }
})
