import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { SignalError } from '../errors.ts'

const COOKIE = 'MIT-MAGIC-COOKIE-1'
const EXTENSION = 'MIT-SCREEN-SAVER'

/** Opcodes of the X11 protocol and of its screen saver extension. */
const QUERY_EXTENSION = 98
const SCREEN_SAVER_QUERY_INFO = 1

/** Bytes of a reply, and of the fixed parts of the server's greeting. */
const REPLY_LENGTH = 32
const GREETING_LENGTH = 8
const SETUP_LENGTH = 32
const FORMAT_LENGTH = 8

export interface X11Init {
  /** Such as `:0`; one of another machine says nothing about this one. */
  display: string
  env: NodeJS.ProcessEnv
  /** Where the file system begins. */
  root: string
  signal: AbortSignal
}

/**
 * Milliseconds since the last input that an X server had. These three requests of the protocol take no native code and
 * no package of 5 MB: https://www.x.org/releases/current/doc/scrnsaverproto/saver.html
 */
export async function x11IdleMs({ display, env, root, signal }: X11Init): Promise<number> {
  const number = /^(?:unix)?:(\d+)(?:\.\d+)?$/.exec(display)?.[1]
  if (number === undefined) throw new SignalError(`${display} is a display of another machine`)
  const cookie = await readCookie(env, number)
  const socket = connect(join(root, `tmp/.X11-unix/X${number}`))
  const abort = (): void => void socket.destroy(new SignalError('it did not answer in time'))
  signal.addEventListener('abort', abort, { once: true })
  try {
    await once(socket, 'connect')
    const read = reader(socket)
    socket.write(setup(cookie))
    const greeting = await read(GREETING_LENGTH)
    const body = await read(greeting.readUInt16LE(6) * 4)
    if (greeting[0] !== 1) throw new SignalError('it refused the connection')
    socket.write(request(QUERY_EXTENSION, 0, extensionName()))
    const extension = await reply(read)
    if (extension[8] !== 1) throw new SignalError(`it has no ${EXTENSION}`)
    const window = Buffer.alloc(4)
    window.writeUInt32LE(rootWindow(body))
    socket.write(request(extension[9] ?? 0, SCREEN_SAVER_QUERY_INFO, window))
    return (await reply(read)).readUInt32LE(16)
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

/** Reads so many bytes at a time. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  let held = Buffer.alloc(0)
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  return async (length) => {
    while (held.length < length) {
      const next = await chunks.next()
      if (next.done === true) throw new SignalError('it closed the connection')
      held = Buffer.concat([held, next.value])
    }
    const taken = held.subarray(0, length)
    held = held.subarray(length)
    return taken
  }
}

/** The next reply; events of other programs that come before it are passed over. */
async function reply(read: (length: number) => Promise<Buffer>): Promise<Buffer> {
  for (;;) {
    const message = await read(REPLY_LENGTH)
    if (message[0] === 0) throw new SignalError(`it answered with error ${message[1] ?? 0}`)
    if (message[0] !== 1) continue
    await read(message.readUInt32LE(4) * 4)
    return message
  }
}

function setup(cookie: Buffer | undefined): Buffer {
  const name = Buffer.from(cookie === undefined ? '' : COOKIE)
  const data = cookie ?? Buffer.alloc(0)
  const head = Buffer.alloc(12)
  head.write('l')
  head.writeUInt16LE(11, 2)
  head.writeUInt16LE(name.length, 6)
  head.writeUInt16LE(data.length, 8)
  return Buffer.concat([head, padded(name), padded(data)])
}

function request(opcode: number, detail: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt8(opcode, 0)
  head.writeUInt8(detail, 1)
  head.writeUInt16LE(1 + body.length / 4, 2)
  return Buffer.concat([head, body])
}

function extensionName(): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt16LE(EXTENSION.length)
  return Buffer.concat([length, padded(Buffer.from(EXTENSION))])
}

/** The root window of the first screen, which comes after the vendor's name and the pixel formats. */
function rootWindow(setup: Buffer): number {
  const vendor = setup.readUInt16LE(16)
  const formats = setup.readUInt8(21)
  return setup.readUInt32LE(SETUP_LENGTH + Math.ceil(vendor / 4) * 4 + formats * FORMAT_LENGTH)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}

/** The cookie of a display in the user's Xauthority file; undefined where there is none. */
async function readCookie(env: NodeJS.ProcessEnv, display: string): Promise<Buffer | undefined> {
  const file = env.XAUTHORITY ?? join(env.HOME ?? homedir(), '.Xauthority')
  const bytes = await readFile(file).catch(() => Buffer.alloc(0))
  let at = 0
  const field = (): Buffer => {
    const length = at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0
    const value = bytes.subarray(at + 2, at + 2 + length)
    at += 2 + length
    return value
  }
  while (at + 2 <= bytes.length) {
    at += 2 // The family of the address; the display's number is enough on this machine.
    const [, number, name, data] = [field(), field(), field(), field()]
    const ours = number.length === 0 || number.toString() === display
    if (ours && name.toString() === COOKIE) return data
  }
  return undefined
}
