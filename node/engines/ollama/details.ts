import { z } from 'zod'
import type { ModelInfo } from '../../../protocols/inference/index.ts'

/** The fields of `/api/show` that are used. */
export const show = z.object({
  details: z
    .object({
      quantization_level: z.string().optional(),
      format: z.string().optional(),
      family: z.string().optional(),
      families: z.array(z.string()).nullish().catch(null)
    })
    .optional(),
  template: z.string().catch(''),
  renderer: z.string().optional(),
  parser: z.string().optional(),
  model_info: z.record(z.string(), z.unknown()).nullish(),
  capabilities: z.array(z.string()).nullish(),
  remote_model: z.string().optional(),
  remote_host: z.string().optional()
})
export type Show = z.infer<typeof show>

type Details = Pick<
  ModelInfo,
  'quantization' | 'format' | 'family' | 'families' | 'embeddingLength' | 'size' | 'template'
>

/** Model details for clients: those that Ollama reports, and the size in bytes. */
export function detailsOf({ details = {}, model_info: info, template }: Show, size: number): Details {
  const { quantization_level: quantization, format, family, families } = details
  const architecture = info?.['general.architecture']
  const embeddingLength =
    typeof architecture === 'string' ? count(info?.[`${architecture}.embedding_length`]) : null
  return {
    ...(quantization ? { quantization } : {}),
    ...(format ? { format } : {}),
    ...(family ? { family } : {}),
    ...(families?.length ? { families } : {}),
    ...(embeddingLength === null ? {} : { embeddingLength }),
    ...(size > 0 ? { size } : {}),
    ...(template ? { template } : {})
  }
}

/** A whole number above 0, or null. */
export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}
