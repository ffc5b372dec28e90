import { z } from 'zod'

const TOKENS = 'send text: tokens mean something else to each model'

/** One text or a list of them, as a list; lists of token numbers, which OpenAI takes too, are refused. */
export function texts<T extends z.ZodType<string[]>>(list: T): z.ZodType<z.infer<T>> {
  return z
    .unknown()
    .refine((value) => !hasNumbers(value), TOKENS)
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .pipe(list)
}

function hasNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.flat().some((item) => typeof item === 'number')
}
