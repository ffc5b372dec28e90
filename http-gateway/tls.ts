import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'

/** The gateway cannot speak HTTPS: a file is missing or is not what it must be. */
export class GatewayTlsError extends Error {
  static override readonly name = 'GatewayTlsError'
  override readonly name = 'GatewayTlsError'
  constructor(message = 'The certificate cannot be used', options?: ErrorOptions) {
    super(message, options)
  }
}

/** A certificate chain and its private key, PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/** Reads and checks a certificate and its key; undefined where neither is given. Throws GatewayTlsError. */
export async function readTlsFiles(
  certFile: string | undefined,
  keyFile: string | undefined
): Promise<TlsFiles | undefined> {
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined)
    throw new GatewayTlsError('HTTPS takes both a certificate and its key: --gateway-cert and --gateway-key')
  const [cert, key] = [await read(certFile, 'certificate'), await read(keyFile, 'key')]
  try {
    createSecureContext({ cert, key })
  } catch (err) {
    throw new GatewayTlsError(
      `${certFile} and ${keyFile} are not a certificate and its key (${reason(err)}): both must be PEM, ` +
        'belong together, and the key must have no passphrase',
      { cause: err }
    )
  }
  return { cert, key }
}

async function read(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (err) {
    throw new GatewayTlsError(`The gateway's ${what} ${file} cannot be read: ${reason(err)}`, { cause: err })
  }
}

function reason(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
