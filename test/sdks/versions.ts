import * as anthropic from '@anthropic-ai/sdk'
import * as anthropicBefore from 'anthropic-0'
import * as openai from 'openai'
import * as openaiBefore from 'openai-6'

/** The newest SDK and the one before, by a name that test titles show: users upgrade when they like. */
export const OPENAI_SDKS: Record<string, typeof openai> = {
  'openai 7': openai,
  // Typed as the newest: the tests use what both have.
  'openai 6': openaiBefore as unknown as typeof openai
}

export const ANTHROPIC_SDKS: Record<string, typeof anthropic> = {
  '@anthropic-ai/sdk 1': anthropic,
  '@anthropic-ai/sdk 0': anthropicBefore as unknown as typeof anthropic
}
