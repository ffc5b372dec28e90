import { z } from 'zod'
import { fileFields, IMAGE_LEFT_OUT, openAiFilePart, type Place } from '../documents/index.ts'
import { imageDetail, imageUrl } from './images.ts'

const textPart = z.object({
  type: z.literal(['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text']),
  text: z.string()
})
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() })
export const imagePart = z.object({
  type: z.literal(['input_image', 'computer_screenshot']),
  image_url: imageUrl,
  detail: imageDetail.nullish()
})
function filePart(place: Place) {
  return z
    .object({ type: z.literal('input_file'), ...fileFields })
    .transform((file, issues) => openAiFilePart(file, [], place, issues))
}

/** An image that a tool returned: of one that is not sent along, the model is told. */
const returnedImage = z
  .looseObject({ type: imagePart.shape.type })
  .transform((given) => imagePart.safeParse(given).data ?? { type: 'text' as const, text: IMAGE_LEFT_OUT })

const part = z.discriminatedUnion('type', [textPart, refusalPart, imagePart, filePart('sent')])
const returnedPart = z.discriminatedUnion('type', [
  textPart,
  refusalPart,
  returnedImage,
  filePart('returned')
])

/** A part of a message or of a tool's output. */
export type Part = z.infer<typeof part>

/** The parts of a new message: one that cannot be shown to a model is refused. */
export const parts = z.preprocess(asParts, z.array(part))

const KNOWN = new Set<unknown>(part.options.flatMap(({ _zod }) => [...(_zod.propValues.type ?? [])]))

/** The parts of what was said or returned before: those of types unknown here are left out. */
export const replayedParts = z
  .preprocess((value) => {
    const given: unknown = asParts(value)
    if (!Array.isArray(given)) return given
    const known = (entry: unknown): boolean => KNOWN.has(Reflect.get(Object(entry) as object, 'type'))
    return (given as unknown[]).map((entry) => (known(entry) ? entry : undefined))
  }, z.array(returnedPart.optional()))
  .transform((entries) => entries.filter((entry) => entry !== undefined))

/** A bare text is one part; so an error names the part at fault. */
function asParts(value: unknown): unknown {
  return typeof value === 'string' ? [{ type: 'input_text', text: value }] : (value ?? [])
}
