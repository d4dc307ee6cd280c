// The reference: the OpenAPI document, and a page made of it. Both are made when first asked for, and kept.

import { z } from 'zod'
import type { App } from '../env.ts'
import { HTML_HEADERS } from '../html.ts'
import { openApiDocument } from '../openapi.ts'
import { referencePage } from '../reference-page.ts'
import { respond } from '../reply.ts'
import type { Routes } from '../router.ts'

const CACHED = { 'cache-control': 'public, max-age=300' }

export const referenceRoutes =
  (app: App): Routes =>
  (router) => {
    const kept = <Value>(make: () => Value) => {
      let value: Value | undefined
      return () => (value ??= make())
    }
    const document = kept(() => openApiDocument(app))
    const json = kept(() => JSON.stringify(document()))
    const page = kept(() => referencePage(document()))

    router.add({
      method: 'get',
      path: '/openapi.json',
      id: 'openapi',
      tag: 'Operations',
      summary: 'This API as OpenAPI 3.1',
      access: 'public',
      responses: { 200: { description: 'The document.', schema: z.object({ openapi: z.string() }).loose() } },
      handle: (c) =>
        respond(c.get('requestId'), 200, json(), 'application/json', {
          ...CACHED,
          'access-control-allow-origin': '*',
        }),
    })

    router.add({
      method: 'get',
      path: '/docs',
      id: 'docs',
      tag: 'Operations',
      summary: 'This API for people',
      access: 'public',
      responses: { 200: { description: 'The page.', schema: z.string(), contentType: 'text/html' } },
      handle: (c) =>
        respond(c.get('requestId'), 200, page(), 'text/html; charset=utf-8', { ...CACHED, ...HTML_HEADERS }),
    })
  }
