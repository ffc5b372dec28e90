import { toEnvelope } from '../failures.ts'
import type { Surface } from '../route.ts'
import { batch, batches, cancelBatch, createBatch } from './batches.ts'
import { chatCompletions } from './chat-completions.ts'
import { completions } from './completions.ts'
import { embeddings } from './embeddings.ts'
import { deleteFile, file, fileContent, files, uploadFile } from './files.ts'
import { model, models } from './models.ts'
import { responses } from './responses.ts'

/** OpenAI's API. */
export const openai: Surface<'openai'> = {
  name: 'openai',
  routes: [
    chatCompletions,
    responses,
    completions,
    embeddings,
    models,
    model,
    uploadFile,
    files,
    file,
    fileContent,
    deleteFile,
    createBatch,
    batches,
    batch,
    cancelBatch
  ],
  owns: () => false,
  errorDocument: toEnvelope
}
