import { z } from 'zod'

/** An image's address: the image itself, as nobody in a mesh fetches what a stranger points to. */
export const imageUrl = z
  .string({ error: 'images must be sent as data: URLs; stored files are not known here' })
  .refine((url) => /^data:/i.test(url), 'images must be sent as data: URLs; addresses are not fetched')

/** How closely an image is looked at. Engines know no more than `high`. */
export const imageDetail = z
  .enum(['auto', 'low', 'high', 'original', 'xhigh', 'max'])
  .transform((detail) => (detail === 'auto' || detail === 'low' ? detail : 'high'))
