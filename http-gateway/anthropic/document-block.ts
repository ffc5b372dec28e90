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
import { blocks, imageBlock, returnedImage, textBlock, type ImageBlock } from './blocks.ts'

const text = z.string()

/** A document: its text and images, or a file that is sent along; one that would have to be fetched is not. */
function documentBlock(place: Place) {
  const image = place === 'sent' ? imageBlock : returnedImage
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
          content: blocks(z.discriminatedUnion('type', [textBlock, image]))
        }),
        z.object({ type: z.literal('url'), url: z.unknown() }),
        z.object({ type: z.literal('file'), file_id: z.unknown() })
      ])
    })
    .transform(({ title: name, context, source }, issues): (DocumentPart | ImageBlock)[] => {
      switch (source.type) {
        case 'base64': {
          const { data, media_type: type } = source
          return [filePart({ data, type, name, context, path: ['source', 'data'] }, place, issues)]
        }
        case 'url':
          return [faultPart(ADDRESS, ['source', 'url'], name, place, issues)]
        case 'file':
          return [faultPart(STORED, ['source', 'file_id'], name, place, issues)]
        case 'text':
          return [{ type: 'text', text: asDocument(source.data, name, context) }]
        case 'content': {
          const images = source.content.filter((block) => block.type === 'image')
          // Images are shown beside text and not within it, so the text tells where they belong.
          const texts = source.content.map((block) =>
            block.type === 'text'
              ? block.text
              : `[Image ${images.indexOf(block) + 1} of ${images.length}, shown below]`
          )
          return [{ type: 'text', text: asDocument(texts.join('\n'), name, context) }, ...images]
        }
      }
    })
}

/** A document that a user sends: one that cannot be shown is refused. */
export const sentDocument = documentBlock('sent')

/** A document that a tool returned: of one that cannot be shown, the model is told. */
export const returnedDocument = documentBlock('returned')
