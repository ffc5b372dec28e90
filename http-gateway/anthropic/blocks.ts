import { z } from 'zod'
import { IMAGE_LEFT_OUT } from '../documents/index.ts'

export const textBlock = z.object({ type: z.literal('text'), text: z.string() })

/** An image that is sent along; other sources name what nobody in a mesh fetches. */
export const imageBlock = z.object({
  type: z.literal('image'),
  source: z.object({ type: z.literal('base64'), media_type: z.string(), data: z.string() })
})

/** An image of a message. */
export type ImageBlock = z.infer<typeof imageBlock>

/** An image that a tool returned: of one that is not sent along, the model is told. */
export const returnedImage = z
  .looseObject({ type: z.literal('image') })
  .transform(
    (block): ImageBlock | z.infer<typeof textBlock> =>
      imageBlock.safeParse(block).data ?? { type: 'text', text: IMAGE_LEFT_OUT }
  )

/** The blocks that a block becomes. */
type Block<T extends z.ZodType> = z.infer<T> extends infer B ? (B extends (infer E)[] ? E : B) : never

/**
 * A list of blocks, of which those of types unknown here are left out: agents send back whatever they were
 * given, by any server. A bare text is one block; so an error names the block at fault.
 */
export function blocks<T extends z.ZodDiscriminatedUnion>(block: T, atLeast = 0): z.ZodType<Block<T>[]> {
  const known = new Set<unknown>(
    block.options.flatMap((option) => [...(option._zod.propValues?.['type'] ?? [])])
  )
  const given = z.preprocess((value) => {
    if (typeof value === 'string') return [{ type: 'text', text: value }]
    if (!Array.isArray(value)) return value
    if (value.length < atLeast) return undefined
    // Each stays at its place until all are checked: so an error names the block at fault.
    return (value as unknown[]).map((entry) => {
      const type: unknown = Reflect.get(Object(entry), 'type')
      return typeof type !== 'string' || known.has(type) ? entry : undefined
    })
  }, z.array(block.optional()))
  return given.transform((entries) => entries.filter((entry) => entry !== undefined).flat() as Block<T>[])
}
