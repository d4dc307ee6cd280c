// What this is, for people and for tools: the page at `/`, the reference, the error codes, and the OpenAPI document.

import type { Context } from 'hono'
import { z } from 'zod'
import type { App, Env } from '../env.ts'
import { HTML_HEADERS } from '../html.ts'
import { openApiDocument } from '../openapi.ts'
import { originOf } from '../origin.ts'
import { DOCS_HEADERS, docsPage } from '../reference/docs-page.ts'
import { errorsPage } from '../reference/errors-page.ts'
import { homePage, homeText } from '../reference/home.ts'
import { respond } from '../reply.ts'
import type { Routes } from '../router.ts'

const CACHED = { 'cache-control': 'public, max-age=300' }
const HTML = 'text/html; charset=utf-8'
const tag = 'Operations'
const access = 'public'
const page = { description: 'The page.', schema: z.string(), contentType: 'text/html' }

const answer = (c: Context<Env>, body: string, contentType: string, headers: Record<string, string>) =>
  respond(c.get('requestId'), 200, body, contentType, { ...CACHED, ...headers })

export const referenceRoutes =
  (app: App): Routes =>
  (router) => {
    // Made when first asked for, and kept for the address that it was asked for at.
    let kept = { origin: '', json: '' }
    const documentFor = (origin: string): string => {
      if (kept.origin !== origin) kept = { origin, json: JSON.stringify(openApiDocument(app, origin)) }
      return kept.json
    }

    router.add({
      method: 'get',
      path: '/',
      id: 'home',
      tag,
      summary: 'What this is',
      description:
        'Where to go from here, and two requests to begin with: as text, or as a page for a browser.',
      access,
      responses: {
        200: { description: 'The text.', schema: z.string(), contentType: ['text/plain', 'text/html'] },
      },
      handle: (c) => {
        const origin = originOf(c)
        const vary = { vary: 'accept, x-forwarded-proto' }
        return c.req.header('accept')?.includes('text/html')
          ? answer(c, homePage(origin), HTML, { ...vary, ...HTML_HEADERS })
          : answer(c, homeText(origin), 'text/plain; charset=utf-8', vary)
      },
    })

    router.add({
      method: 'get',
      path: '/openapi.json',
      id: 'openapi',
      tag,
      summary: 'This API as OpenAPI 3.1',
      description: 'This document, with the address that it was asked for at as the server’s.',
      access,
      responses: {
        200: {
          description: 'The document.',
          schema: z
            .object({ openapi: z.string().meta({ example: '3.1.0' }) })
            .loose()
            .meta({ id: 'OpenApiDocument' }),
        },
      },
      handle: (c) =>
        answer(c, documentFor(originOf(c)), 'application/json', {
          vary: 'x-forwarded-proto',
          'access-control-allow-origin': '*',
        }),
    })

    router.add({
      method: 'get',
      path: '/docs',
      id: 'docs',
      tag,
      summary: 'This API for people',
      description: 'The reference, as a page that can also send requests. It loads nothing from elsewhere.',
      access,
      responses: { 200: page },
      handle: (c) => answer(c, docsPage(), HTML, DOCS_HEADERS),
    })

    router.add({
      method: 'get',
      path: '/errors',
      id: 'errors',
      tag,
      summary: 'The error codes',
      description: 'Each with its status, what it means and what to do. The `type` of a problem leads there.',
      access,
      responses: { 200: page },
      handle: (c) => answer(c, errorsPage(), HTML, HTML_HEADERS),
    })
  }
