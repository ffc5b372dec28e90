import { z } from 'zod'

/** An image's address: the image itself, as nobody in a mesh fetches what a stranger points to. */
export const imageUrl = z
  .string()
  .refine((url) => /^data:/i.test(url), 'images must be sent as data: URLs; addresses are not fetched')
