/** An address to listen on for peers cannot be had. */
export class ListenError extends Error {
  static override readonly name = 'ListenError'
  override readonly name = 'ListenError'
  constructor(message = 'Cannot listen on an address', options?: ErrorOptions) {
    super(message, options)
  }
}

/** Rewords the errors of libp2p and the STUN server for failing to listen; returns other errors unchanged. */
export function explainListen(err: unknown): unknown {
  if (!(err instanceof Error)) return err
  const stun = explainStun(err)
  if (stun !== undefined) return stun
  const failures = [...err.message.matchAll(/^\s*(\/\S+): \w*Error: (?:listen (\w+)|(.+))/gm)]
  if (failures.length === 0) return err
  const each = failures.map(([, address, code, words]) => `${address} (${reason(code ?? codeOf(words))})`)
  const message = `Cannot listen for peers at ${each.join(', ')}. Choose another address with --listen, or stop the program that uses it.`
  return new ListenError(message, { cause: err })
}

/** libp2p wraps its own: what comes from the system as it is comes from STUN's sockets. */
function explainStun(
  err: Error & { code?: string; syscall?: string; port?: number }
): ListenError | undefined {
  const { code, syscall, port } = err
  if (port === undefined || (syscall !== 'bind' && syscall !== 'listen')) return undefined
  const transport = syscall === 'bind' ? 'UDP' : 'TCP'
  const message = `The STUN server cannot listen on ${transport} port ${port} (${reason(code)}). Choose another with --stun-port (it also takes the next UDP port), or stop the program that uses it.`
  return new ListenError(message, { cause: err })
}

/** Maps QUIC's wording of system errors to the system's codes; keeps libp2p's codes. */
function codeOf(words = ''): string {
  if (/already in use/i.test(words)) return 'EADDRINUSE'
  if (/permission denied/i.test(words)) return 'EACCES'
  if (/cannot assign|can't assign/i.test(words)) return 'EADDRNOTAVAIL'
  return words
}

function reason(code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'the port is in use'
  if (code === 'EACCES') return 'ports under 1024 need more rights'
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address'
  if (code?.startsWith('No transport') === true)
    return 'a node listens by TCP, WebSocket (/ws) or QUIC (/quic-v1)'
  return code ?? 'unknown'
}
