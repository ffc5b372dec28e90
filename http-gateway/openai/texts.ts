import { z } from 'zod'

const TOKENS = 'must be text: token numbers mean something else to each model'

/** One text or a list of them, as a list; lists of token numbers, which OpenAI takes too, are not. */
export function texts<T extends z.ZodType<string[]>>(list: T, advice = ''): z.ZodType<z.infer<T>> {
  return z
    .unknown()
    .refine((value) => !hasNumbers(value), TOKENS + advice)
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .pipe(list)
}

function hasNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.flat().some((item) => typeof item === 'number')
}
