import { route } from '../route.ts'
import { openapiAnswer } from './answers.ts'
import { openapiDocument } from './document.ts'

/** `GET /openapi.json`: the routes that this gateway really has. */
export const openapi = route({
  method: 'GET',
  path: '/openapi.json',
  summary: 'The OpenAPI document of these routes',
  answer: openapiAnswer,
  handle: ({ routes }) => openapiDocument(routes.all())
})
