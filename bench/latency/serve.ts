import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free loopback port, says so on stdout as a node does, and closes when the process is told to stop. */
export async function serveUntilTold(server: Server): Promise<void> {
  const told = once(process, 'SIGTERM')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ event: 'ready', gateway: `http://127.0.0.1:${port}` }))
  await told
  server.close()
  server.closeAllConnections()
}
