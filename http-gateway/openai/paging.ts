import { z } from 'zod'

/** The query of a list. */
export function pageQuery(
  most: number,
  usual: number
): z.ZodObject<{
  after: z.ZodOptional<z.ZodString>
  limit: z.ZodDefault<z.ZodCoercedNumber>
  order: z.ZodDefault<z.ZodEnum<{ asc: 'asc'; desc: 'desc' }>>
}> {
  return z.object({
    after: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(most).default(usual),
    order: z.enum(['asc', 'desc']).default('desc')
  })
}

/** A page as OpenAI's clients read it: they stop where `has_more` is absent. */
export function toList(data: { id: string }[], more: boolean): object {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: more
  }
}
