import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testGateway } from '../support/gateway/gateway.ts'
import { bodyWith } from './samples.ts'
import { typesOfUnions, UNIONS, type UnionName } from './unions.ts'

const README = join(import.meta.dirname, '../../http-gateway/README.md')

/** The treatments in the table's order of columns. */
const TREATMENTS = ['used', 'passed over', 'refused'] as const
type Treatment = (typeof TREATMENTS)[number]

/** The README's entry for each type of a union. */
async function tableOf(): Promise<Record<string, Map<string, Treatment>>> {
  const text = await readFile(README, 'utf8')
  const rows = text.split('\n').flatMap((line) => {
    const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim())
    const union = /^`(\w+)`$/.exec(name)?.[1]
    return union !== undefined && union in UNIONS ? [[union, cells] as const] : []
  })
  const types = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, type = '']) => type)
  return Object.fromEntries(
    rows.map(([union, cells]) => {
      const listed = TREATMENTS.flatMap((treatment, at) =>
        types(cells[at]).map((type) => [type, treatment] as const)
      )
      assert.equal(new Set(listed.map(([type]) => type)).size, listed.length, `${union} names a type twice`)
      return [union, new Map(listed)]
    })
  )
}

/** How the gateway treats one member: whether the model sees anything of it. */
async function treatmentOf(union: UnionName, type: string): Promise<Treatment> {
  const test = testGateway()
  const asked = async (given?: string): Promise<string | undefined> => {
    const { path, body } = bodyWith(union, given)
    const { statusCode, payload } = await test.http.inject({
      method: 'POST',
      url: path,
      headers: { host: 'localhost' },
      payload: { model: 'tiny', ...body }
    })
    if (statusCode === 400) return undefined
    assert.equal(statusCode, 200, payload)
    return JSON.stringify(test.consumer.requests.at(-1))
  }
  const without = await asked()
  assert.ok(without !== undefined, `${union} without any member is refused`)
  const withIt = await asked(type)
  if (withIt === undefined) return 'refused'
  return withIt === without ? 'passed over' : 'used'
}

describe('what the gateway takes, by the types of the SDKs', function () {
  this.timeout(120_000)
  let unions: ReturnType<typeof typesOfUnions>
  let table: Awaited<ReturnType<typeof tableOf>>

  before(async () => {
    unions = typesOfUnions()
    table = await tableOf()
  })

  for (const union of Object.keys(UNIONS) as UnionName[]) {
    it(`${union}: the README names every member and no other, and says what becomes of it`, async () => {
      const types = [...unions[union]]
      assert.ok(types.length > 1)
      const rows = table[union] ?? new Map<string, Treatment>()
      const real = new Map<string, Treatment>()
      for (const type of types) real.set(type, await treatmentOf(union, type))
      const inOrder = (all: Map<string, Treatment>): string[][] =>
        [...all].sort(([a], [b]) => a.localeCompare(b))
      assert.deepEqual(inOrder(rows), inOrder(real))
    })
  }
})
