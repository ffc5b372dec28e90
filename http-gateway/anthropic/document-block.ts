import { z } from 'zod'
import {
  ADDRESS,
  asDocument,
  faultPart,
  filePart,
  STORED,
  type DocumentPart,
  type Place
} from '../documents/index.ts'

const text = z.string()

/** A document: its text, or a file that is sent along; one that would have to be fetched is not. */
function documentBlock(place: Place) {
  return z
    .object({
      type: z.literal('document'),
      title: text.nullish(),
      context: text.nullish(),
      source: z.discriminatedUnion('type', [
        z.object({ type: z.literal('text'), data: text }),
        z.object({ type: z.literal('base64'), media_type: text.nullish(), data: text }),
        z.object({
          type: z.literal('content'),
          content: z.union([text, z.array(z.object({ text: text.optional() }))])
        }),
        z.object({ type: z.literal('url'), url: z.unknown() }),
        z.object({ type: z.literal('file'), file_id: z.unknown() })
      ])
    })
    .transform(({ title: name, context, source }, issues): DocumentPart => {
      switch (source.type) {
        case 'base64':
          return filePart(
            { data: source.data, type: source.media_type, name, context, path: ['source', 'data'] },
            place,
            issues
          )
        case 'url':
          return faultPart(ADDRESS, ['source', 'url'], name, place, issues)
        case 'file':
          return faultPart(STORED, ['source', 'file_id'], name, place, issues)
        default: {
          const content = source.type === 'text' ? source.data : source.content
          const texts =
            typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('\n')
          return { type: 'text', text: asDocument(texts, name, context) }
        }
      }
    })
}

/** A document that a user sends: one that cannot be shown is refused. */
export const sentDocument = documentBlock('sent')

/** A document that a tool returned: of one that cannot be shown, the model is told. */
export const returnedDocument = documentBlock('returned')
