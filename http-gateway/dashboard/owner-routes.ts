import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import { route } from '../route.ts'

/** Longest argument of a command, in characters: an export of receipts. */
const MAX_ARGUMENT = 4 * 2 ** 20

/** `POST /lobstah/command`: a command of `lobstah-node` on this home, for the dashboard. */
export const command = route({
  method: 'POST',
  path: '/lobstah/command',
  summary: 'Run one of the commands that the dashboard offers, such as `invite` or `doctor`',
  owner: true,
  body: z.object({
    name: z.string().min(1).max(64),
    argument: z.string().max(MAX_ARGUMENT).optional(),
    flags: z.record(z.string().max(64), z.union([z.string().max(4096), z.number(), z.boolean()])).optional()
  }),
  answer: z.object({ result: z.unknown(), notes: z.array(z.string()) }),
  async handle({ components }, { body }) {
    if (components.desk === undefined) throw new BadRequestError('This gateway has no commands')
    return await components.desk.run(body)
  }
})

/** `GET /lobstah/logs`: the latest lines of the log. */
export const logs = route({
  method: 'GET',
  path: '/lobstah/logs',
  summary: "The latest lines of the node's log",
  owner: true,
  answer: z.object({
    lines: z.array(z.object({ at: z.int(), level: z.string(), component: z.string(), message: z.string() }))
  }),
  handle: ({ components }) => ({ lines: components.desk?.logs() ?? [] })
})
