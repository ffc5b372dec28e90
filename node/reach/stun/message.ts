import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import type { Candidate } from '../../../protocols/index.ts'

// RFC 5389: a header of 20 bytes (type, length, magic cookie, transaction id), then attributes.

const BINDING_REQUEST = 0x0001
const BINDING_RESPONSE = 0x0101
const XOR_MAPPED_ADDRESS = 0x0020
const COOKIE = 0x2112a442
const IPV4 = 1

/** Length of a header, in bytes; a request is nothing else. */
export const STUN_HEADER_BYTES = 20

/** Length of the response to an IPv4 peer, in bytes. */
export const STUN_RESPONSE_BYTES = 32

/** A binding request with a new transaction id. */
export function bindingRequest(): Buffer {
  const request = Buffer.alloc(STUN_HEADER_BYTES)
  request.writeUInt16BE(BINDING_REQUEST, 0)
  request.writeUInt32BE(COOKIE, 4)
  randomBytes(12).copy(request, 8)
  return request
}

/** The response to a binding request from an IPv4 address, or undefined where `message` is none. */
export function bindingResponse(message: Buffer, from: Candidate): Buffer | undefined {
  if (!isStun(message, BINDING_REQUEST) || !isIPv4(from.address)) return undefined
  const response = Buffer.alloc(STUN_RESPONSE_BYTES)
  message.copy(response, 0, 0, STUN_HEADER_BYTES)
  response.writeUInt16BE(BINDING_RESPONSE, 0)
  response.writeUInt16BE(STUN_RESPONSE_BYTES - STUN_HEADER_BYTES, 2)
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, 20)
  response.writeUInt16BE(8, 22)
  response.writeUInt8(IPV4, 25)
  response.writeUInt16BE(from.port ^ (COOKIE >>> 16), 26)
  response.writeUInt32BE((toNumber(from.address) ^ COOKIE) >>> 0, 28)
  return response
}

/** The address in the response to `request`, or undefined where `message` is not that. */
export function mappedAddress(message: Buffer, request: Buffer): Candidate | undefined {
  if (!isStun(message, BINDING_RESPONSE)) return undefined
  if (!message.subarray(8, STUN_HEADER_BYTES).equals(request.subarray(8, STUN_HEADER_BYTES))) return undefined
  const end = Math.min(message.length, STUN_HEADER_BYTES + message.readUInt16BE(2))
  for (let at = STUN_HEADER_BYTES; at + 4 <= end;) {
    const length = message.readUInt16BE(at + 2)
    if (message.readUInt16BE(at) === XOR_MAPPED_ADDRESS && length === 8 && at + 12 <= end) {
      if (message.readUInt8(at + 5) !== IPV4) return undefined
      const port = message.readUInt16BE(at + 6) ^ (COOKIE >>> 16)
      return { address: toAddress((message.readUInt32BE(at + 8) ^ COOKIE) >>> 0), port }
    }
    // Attributes are padded to four bytes.
    at += 4 + Math.ceil(length / 4) * 4
  }
  return undefined
}

function isStun(message: Buffer, type: number): boolean {
  return (
    message.length >= STUN_HEADER_BYTES &&
    message.readUInt16BE(0) === type &&
    message.readUInt32BE(4) === COOKIE
  )
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}
