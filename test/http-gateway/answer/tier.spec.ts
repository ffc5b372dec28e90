import assert from 'node:assert/strict'
import type { FastifyRequest } from 'fastify'
import { tierOf } from '../../../http-gateway/answer/tier.ts'
import { BadRequestError } from '../../../protocols/errors.ts'
import type { Tier } from '../../../protocols/inference/index.ts'

function request(header?: string, service_tier?: unknown, key?: Tier): FastifyRequest {
  return {
    headers: header === undefined ? {} : { 'x-lobstah-tier': header },
    body: { service_tier },
    caller: key === undefined ? undefined : { name: 'a', owner: false, tier: key }
  } as unknown as FastifyRequest
}

describe('http-gateway/answer/tier', () => {
  it('goes by the header, then by service_tier, then by the key', () => {
    assert.equal(tierOf(request()), undefined)
    assert.equal(tierOf(request('batch')), 'batch')
    assert.equal(tierOf(request(' Best-Effort ')), 'best-effort')
    assert.equal(tierOf(request('interactive', 'flex')), 'interactive')
    assert.equal(tierOf(request(undefined, undefined, 'batch')), 'batch')
  })

  it('takes OpenAI’s flex for batch, and every other word for interactive', () => {
    assert.equal(tierOf(request(undefined, 'flex')), 'batch')
    for (const word of ['auto', 'default', 'priority', 'scale', 'standard_only', 'constructor', null, 7])
      assert.equal(tierOf(request(undefined, word)), undefined, String(word))
  })

  it('lets no request be more urgent than its key', () => {
    assert.equal(tierOf(request('interactive', undefined, 'batch')), 'batch')
    assert.equal(tierOf(request('best-effort', undefined, 'batch')), 'best-effort')
    assert.equal(tierOf(request(undefined, 'flex', 'best-effort')), 'best-effort')
  })

  it('refuses a header that names no tier', () => {
    assert.throws(() => tierOf(request('urgent')), BadRequestError)
  })
})
