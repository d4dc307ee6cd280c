// The OpenAPI 3.1 document, from the endpoints' definitions.

import type { RouteConfig } from '@hono/zod-openapi'
import { z } from 'zod'
import { errorCodes } from '../kernel/errors.ts'
import { type Endpoint, errorCodesOf, takesIdempotencyKey } from './endpoint.ts'
import type { App } from './env.ts'
import { idempotencyHeader } from './idempotency.ts'
import { problems } from './problem.ts'

export const API_VERSION = '0.1.0'

export const TAGS = {
  Usage: 'Events in, totals out.',
  Billing: 'What a customer owes, exact at this instant.',
  Meters: 'How events become numbers.',
  Customers: 'Who gets the bill. A customer need not be created before it is used or billed.',
  Plans: 'What each meter costs.',
  Subscriptions: 'Who is on which plan, and since when; coupons that take something off.',
  Invoices: 'What a subscription’s period costs: live as a draft, frozen when it is issued.',
  Credit: 'What was paid ahead or given back, and the ledger of what became of it.',
  Tenants: 'The businesses that bill with this Tollgate, and their API keys. With the admin token.',
  Operations: 'How the service is, and what it has still to do.',
} as const

const ABOUT = `Usage events in, bills out. Every accepted event is counted exactly once, and a bill is exact at any instant.

Quantities and amounts are decimal strings, times are RFC 3339 in UTC, errors are problem documents (RFC 9457) with a \`code\`.
What was answered with 503 may be sent again as it is, after \`Retry-After\` seconds: events that have an \`id\` are counted once however
often they are sent, and to create the same meter, plan or customer again gives the one that there is. Whatever else writes is executed
once if it is sent with the same \`Idempotency-Key\` each time.

A tenant's routes take its API key, as \`Authorization: Bearer tg_…\`; the operator's take the \`ADMIN_TOKEN\` in its place.`

const SECURITY = { tenant: [{ apiKey: [] }], admin: [{ adminToken: [] }], public: [] }

const issueSchema = z.object({
  pointer: z
    .string()
    .meta({ description: 'JSON pointer into the body, or a parameter’s name.', example: '#/3/quantity' }),
  detail: z.string().meta({ description: 'What would be right.', example: 'is required' }),
})

export const problemSchema = z
  .object({
    type: z.string().meta({ example: '/docs#validation_failed' }),
    title: z.string().meta({ example: problems.validation_failed.title }),
    status: z.number().int().meta({ example: 422 }),
    detail: z.string().meta({ example: 'The body has a mistake.' }),
    code: z.enum(errorCodes),
    request_id: z.string().meta({
      description: 'Also in the header x-request-id; in an answer that is replayed, the first request’s.',
    }),
    errors: z.array(issueSchema).optional(),
  })
  .meta({ id: 'Problem' })

export function describeEndpoint(endpoint: Endpoint): RouteConfig {
  const { method, path, id, tag, summary, description, access, params, query, body, uncheckedBody, headers } =
    endpoint
  if (!(tag in TAGS)) throw new Error(`${path}: there is no tag ${tag}`)
  const taken = { ...headers?.shape, ...(takesIdempotencyKey(endpoint) && idempotencyHeader) }
  const content = body ? { 'application/json': { schema: body } } : uncheckedBody && mediaTypes(uncheckedBody)
  return {
    method,
    path,
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    security: SECURITY[access],
    request: {
      ...(params && { params: params as z.ZodObject }),
      ...(query && { query: query as z.ZodObject }),
      ...(Object.keys(taken).length > 0 && { headers: z.object(taken) }),
      ...(content && { body: { required: true, content } }),
    },
    responses: { ...successes(endpoint), ...failures(endpoint) },
  }
}

const mediaTypes = (schemas: Record<string, z.ZodType>) =>
  Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]))

const successes = ({ responses }: Endpoint): RouteConfig['responses'] =>
  Object.fromEntries(
    Object.entries(responses).map(([status, { description, schema, contentType = 'application/json' }]) => [
      status,
      { description, ...(schema && { content: { [contentType]: { schema } } }) },
    ]),
  )

function failures(endpoint: Endpoint): RouteConfig['responses'] {
  const codesByStatus = Map.groupBy(errorCodesOf(endpoint), (code) => problems[code].status)
  const described = [...codesByStatus]
    // An answer of the endpoint's own with this status says more.
    .filter(([status]) => !(status in endpoint.responses))
    .map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ])
  return Object.fromEntries(described)
}

export type OpenApiDocument = ReturnType<App['getOpenAPI31Document']>

export function openApiDocument(app: App): OpenApiDocument {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Tollgate',
      version: API_VERSION,
      description: ABOUT,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  })
}

/** How callers identify themselves, for the document. */
export function describeSecurity(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'A tenant’s API key: `Authorization: Bearer tg_…`',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'adminToken', {
    type: 'http',
    scheme: 'bearer',
    description:
      'The operator’s token, `ADMIN_TOKEN` where Tollgate runs: `Authorization: Bearer <ADMIN_TOKEN>`',
  })
}
