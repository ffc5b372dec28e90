import { isIPv6 } from 'node:net'
import { EngineSettingsError } from '../errors.ts'

/** Where Ollama listens unless told otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:11434'

/** Ollama's own port. */
const PORT = 11_434

/**
 * The URL that `OLLAMA_HOST` stands for, read as Ollama reads it: a host, a port after a colon, both, or a URL.
 * Throws EngineSettingsError when it is none of them.
 */
export function hostOf(variable = ''): string {
  const said = variable.trim().replace(/\/+$/, '')
  if (said === '') return DEFAULT_URL
  const whole = /^https?:\/\//i.test(said)
  const named = isIPv6(said) ? `[${said}]` : said.startsWith(':') ? `127.0.0.1${said}` : said
  const url = URL.parse(whole ? said : `http://${/:\d+$/.test(named) ? named : `${named}:${String(PORT)}`}`)
  if (url === null) {
    throw new EngineSettingsError(`OLLAMA_HOST: expected a host and port, or a URL, such as ${DEFAULT_URL}`)
  }
  // Ollama listens on all addresses when told so; not every system can connect to that.
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1'
  return url.origin
}

/** Where Ollama's API begins: addresses as other programs want them, with `/v1` or `/api` at the end, are understood. */
export function apiUrl(url: string = DEFAULT_URL): string {
  return url
    .replace(/\/+$/, '')
    .replace(/\/(v1|api)$/i, '')
    .replace(/\/+$/, '')
}

/** Whether a URL leads to this machine. */
export function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url)
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
