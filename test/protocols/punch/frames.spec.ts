import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { z } from 'zod'
import {
  InvalidFrameError,
  decodeJson,
  encodeJson,
  initiatorFrame,
  responderFrame,
  seenFrame,
  stunFrame,
  whoisFrame,
  type Endpoint
} from '../../../protocols/index.ts'
import { onTheWire } from '../../support/frames.ts'
import { assertGolden } from '../../support/golden.ts'

const UDP: Endpoint = {
  observed: [
    { address: '31.60.0.2', port: 40_001 },
    { address: '31.60.0.2', port: 40_002 }
  ],
  local: [{ address: '192.168.20.2', port: 50_000 }],
  mapping: 'symmetric'
}
const TCP: Endpoint = {
  observed: [{ address: '31.60.0.2', port: 40_003 }],
  local: [],
  mapping: 'stable'
}
const OFFER = { type: 'offer', token: '00112233445566778899aabbccddeeff', udp: UDP, tcp: TCP }

const UDP6 = { address: '2a01:4f8::2', port: 40_005 }
const TCP6 = { address: '2a01:4f8::2', port: 40_006 }

const SAMPLES: { name: string; schema: z.ZodType; frame: object }[] = [
  { name: 'punch-offer', schema: initiatorFrame, frame: OFFER },
  {
    name: 'punch-offer-ipv6',
    schema: initiatorFrame,
    frame: { type: 'offer', token: OFFER.token, udp6: UDP6, tcp6: TCP6 }
  },
  { name: 'punch-start', schema: initiatorFrame, frame: { type: 'start' } },
  { name: 'punch-answer', schema: responderFrame, frame: { type: 'answer', udp: UDP, tcp: TCP } },
  { name: 'punch-started', schema: responderFrame, frame: { type: 'started' } },
  { name: 'punch-stun', schema: stunFrame, frame: { type: 'stun', udp: [17_477, 17_478], tcp: 17_477 } },
  {
    name: 'punch-whois',
    schema: whoisFrame,
    frame: { type: 'whois', peer: '12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V' }
  },
  { name: 'punch-seen', schema: seenFrame, frame: { type: 'seen', addresses: ['31.60.0.2', '2a01:4f8::2'] } }
]

function refused(schema: z.ZodType, frame: unknown): void {
  assert.throws(() => decodeJson(schema, encodeJson(frame)), InvalidFrameError)
}

describe('protocols/punch/frames', () => {
  for (const { name, schema, frame } of SAMPLES) {
    it(`sends ${name} as its golden file has it, and reads it back`, async () => {
      await assertGolden(`frame-${name}`, onTheWire(frame))
      assert.deepEqual(decodeJson(schema, encodeJson(frame)), frame)
    })
  }

  it('ignores fields that it does not know', () => {
    assert.deepEqual(decodeJson(initiatorFrame, encodeJson({ ...OFFER, more: 1 })), OFFER)
  })

  it('refuses a peer that claims two addresses', () => {
    const observed = [...TCP.observed, { address: '31.60.0.3', port: 40_004 }]
    refused(responderFrame, { type: 'answer', udp: { ...UDP, observed } })
  })

  it('refuses more candidates than four, and none', () => {
    const many = Array.from({ length: 5 }, (_, n) => ({ address: '31.60.0.2', port: 40_000 + n }))
    refused(responderFrame, { type: 'answer', udp: { ...UDP, observed: many } })
    refused(responderFrame, { type: 'answer', udp: { ...UDP, observed: [] } })
    refused(responderFrame, { type: 'answer', udp: { ...UDP, local: many } })
  })

  for (const port of [0, 22, 443, 1023, 65_536, 4000.5, '4000']) {
    it(`refuses port ${port}`, () => {
      refused(responderFrame, { type: 'answer', tcp: { ...TCP, observed: [{ address: '31.60.0.2', port }] } })
      refused(responderFrame, { type: 'answer', tcp: { ...TCP, local: [{ address: '10.0.0.1', port }] } })
    })
  }

  for (const address of ['example.org', '::1', '31.60.0.256', '031.60.0.2', '31.60.2', '']) {
    it(`refuses the address "${address}"`, () => {
      refused(responderFrame, { type: 'answer', tcp: { ...TCP, observed: [{ address, port: 4000 }] } })
    })
  }

  for (const address of ['31.60.0.2', 'example.org', '2a01:4f8::2%eth0', '2a01:4f8::/64', '']) {
    it(`refuses the IPv6 address "${address}"`, () => {
      refused(initiatorFrame, { ...OFFER, udp6: { ...UDP6, address } })
      refused(responderFrame, { type: 'answer', tcp6: { ...TCP6, address } })
    })
  }

  it('refuses a low port with IPv6 too', () => {
    refused(initiatorFrame, { ...OFFER, udp6: { ...UDP6, port: 443 } })
  })

  for (const token of ['', '00', '00112233445566778899AABBCCDDEEFF', `${OFFER.token}00`]) {
    it(`refuses the token "${token}"`, () => refused(initiatorFrame, { ...OFFER, token }))
  }

  it('throws nothing but InvalidFrameError, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.json(), (bytes, text) => {
        for (const payload of [bytes, new TextEncoder().encode(text)]) {
          for (const schema of [initiatorFrame, responderFrame, stunFrame]) {
            try {
              decodeJson<unknown>(schema, payload)
            } catch (err) {
              assert.ok(err instanceof InvalidFrameError)
            }
          }
        }
      })
    )
  })
})
