import { z } from 'zod'
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
const part = z.discriminatedUnion('type', [textPart, refusalPart, imagePart])

/** A part of a message or of a tool's output. */
export type Part = z.infer<typeof part>

/** The parts of a new message: one that cannot be shown to a model is refused. */
export const parts = z.preprocess(asParts, z.array(part))

const KNOWN = new Set<unknown>(part.options.flatMap(({ shape }) => [...shape.type.values]))

/** The parts of what was said or returned before: those of types unknown here are left out. */
export const replayedParts = z.preprocess((value) => {
  const given: unknown = asParts(value)
  if (!Array.isArray(given)) return given
  return given
    .map((entry: unknown) => (typeOf(entry) === 'input_file' ? leftOut(entry) : entry))
    .filter((entry) => KNOWN.has(typeOf(entry)))
}, z.array(part))

function typeOf(entry: unknown): unknown {
  return Reflect.get(Object(entry) as object, 'type')
}

/** A file that a tool returned cannot be shown to a model: it is told so, since it may ask for the text instead. */
function leftOut(file: unknown): unknown {
  const name: unknown = Reflect.get(Object(file) as object, 'filename')
  const named = typeof name === 'string' && name !== '' ? ` "${name}"` : ''
  return { type: 'input_text', text: `[The file${named} is left out: only its text could be read here.]` }
}

/** A bare text is one part; so an error names the part at fault. */
function asParts(value: unknown): unknown {
  return typeof value === 'string' ? [{ type: 'input_text', text: value }] : (value ?? [])
}
