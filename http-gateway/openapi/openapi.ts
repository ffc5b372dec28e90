import { route } from '../route.ts'
import { openapiAnswer } from './answers.ts'
import { openapiDocument } from './document.ts'

/** `GET /openapi.json`: the routes that this gateway really has. */
export const openapi = route({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  answer: openapiAnswer,
  handle: ({ routes }) => openapiDocument(routes.all())
})
