import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Opens a bare connection to a gateway. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Everything that a connection brings until it closes, as text. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

/** Resolves when a connection has brought a text. */
export function arrived(socket: Socket, text: string): Promise<string> {
  let seen = ''
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes(text)) resolve(seen)
    })
    socket.once('close', () => reject(new Error(`closed before ${JSON.stringify(text)}: ${seen}`)))
  })
}

/** Sends bytes as they are and returns what comes back until the gateway closes. */
export async function exchange(url: string, bytes: string): Promise<string> {
  const socket = await openSocket(url)
  const answer = readAll(socket)
  socket.write(bytes)
  return answer
}
