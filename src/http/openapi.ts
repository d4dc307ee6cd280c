// The OpenAPI 3.1 document, from the endpoints' definitions.

import type { RouteConfig } from '@hono/zod-openapi'
import { z } from 'zod'
import { JSON_TYPE } from './body.ts'
import { bodyExamples } from './document/body-examples.ts'
import { headerComponents, headersOf } from './document/headers.ts'
import { withNamedEnums, withNullableUnions } from './document/named-parts.ts'
import { type Paths, withOpenAnswers } from './document/open-answers.ts'
import { problemResponseOf, problemSchema } from './document/problems.ts'
import type { Components } from './document/rewrite.ts'
import { type Endpoint, errorCodesOf, takesIdempotencyKey } from './endpoint.ts'
import type { App } from './env.ts'
import { idempotencyHeader } from './idempotency.ts'
import { problems } from './problem.ts'

export const API_VERSION = '0.1.0'

export const TAGS = {
  Usage: 'Events in, totals out.',
  Events: 'What was accepted, as it was sent, and what became of it.',
  Billing: 'What a customer owes, exact at this instant.',
  Meters: 'How events become numbers.',
  Settings: 'What holds for all of it.',
  Customers: 'Who gets the bill. A customer need not be created before it is used or billed.',
  Plans: 'What each meter costs.',
  Subscriptions: 'Who is on which plan, and since when; coupons that take something off.',
  Invoices: 'What a subscription’s period costs: live as a draft, frozen when it is issued.',
  Credit: 'What was paid ahead or given back, and the ledger of what became of it.',
  Imports: 'Events by the million, out of a file.',
  Exports: 'What Tollgate knows of usage and money, as files.',
  Tenants: 'The businesses that bill with this Tollgate, and their API keys. With the admin token.',
  Operations: 'How the service is, and what it has still to do.',
} as const

const ABOUT = `Usage events in, bills out. Every accepted event is counted exactly once, and a bill is exact at any instant.

Quantities and amounts are decimal strings, times are RFC 3339 in UTC, errors are problem documents (RFC 9457) with a
\`code\`, which [the list of codes](/errors) explains. A method that an address does not take is answered with 405, and \`Allow\` names those that it does.
What was answered with 503 may be sent again as it is, after \`Retry-After\` seconds: events that have an \`id\` are counted once however
often they are sent, and to create the same meter, plan or customer again gives the one that there is. Whatever else writes is executed
once if it is sent with the same \`Idempotency-Key\` each time.

A tenant's routes take its API key, as \`Authorization: Bearer tg_…\`; the operator's take the \`ADMIN_TOKEN\` in its place.`

type Registry = App['openAPIRegistry']

const SECURITY = { tenant: [{ apiKey: [] }], admin: [{ adminToken: [] }], public: [] }

/** Adds the endpoint to the document. */
export function describeEndpoint(app: App, endpoint: Endpoint): void {
  app.openAPIRegistry.registerPath(routeOf(endpoint, app.openAPIRegistry))
}

function routeOf(endpoint: Endpoint, registry: Registry): RouteConfig {
  const { method, path, id, tag, summary, description, access, params, query, body, headers } = endpoint
  const unread = endpoint.uncheckedBody ?? endpoint.streamedBody
  if (!(tag in TAGS)) throw new Error(`${path}: there is no tag ${tag}`)
  const taken = { ...headers?.shape, ...(takesIdempotencyKey(endpoint) && idempotencyHeader) }
  const content = body ? mediaTypes(id, { [JSON_TYPE]: body }) : unread && mediaTypes(id, unread)
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
    responses: { ...successes(endpoint), ...failures(endpoint, registry) },
  }
}

const mediaTypes = (id: string, schemas: Record<string, z.ZodType>) =>
  Object.fromEntries(
    Object.entries(schemas).map(([type, schema]) => {
      const examples = bodyExamples[id]?.[type]
      return [type, { schema, ...(examples && { examples }) }]
    }),
  )

function successes(endpoint: Endpoint): RouteConfig['responses'] {
  const replay = takesIdempotencyKey(endpoint)
  const preference = endpoint.headers !== undefined && 'prefer' in endpoint.headers.shape
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(([status, { description, schema, contentType = JSON_TYPE }]) => [
      status,
      {
        description,
        headers: headersOf({ replay, preference, retry: status === '503' }),
        ...(schema && {
          content: Object.fromEntries([contentType].flat().map((type) => [type, { schema }])),
        }),
      },
    ]),
  )
}

function failures(endpoint: Endpoint, registry: Registry): RouteConfig['responses'] {
  const codesByStatus = Map.groupBy(errorCodesOf(endpoint), (code) => problems[code].status)
  const described = [...codesByStatus]
    // An answer of the endpoint's own with this status says more.
    .filter(([status]) => !(status in endpoint.responses))
    .map(([status, codes]) => [status, problemResponseOf(codes.toSorted(), registry)])
  return Object.fromEntries(described)
}

export type OpenApiDocument = ReturnType<App['getOpenAPI31Document']>

/** `origin`: where the app is asked for it, such as `https://billing.example.org`. */
export function openApiDocument(app: App, origin: string): OpenApiDocument {
  const { paths, components, ...rest } = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Tollgate',
      version: API_VERSION,
      description: ABOUT,
      contact: { name: 'Whoever runs this server' },
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: origin, description: 'This server.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  })
  return { ...rest, ...finished(paths as never, components as never) } as OpenApiDocument
}

/** What the registry can't say by itself. */
function finished(paths: Paths, components: Components) {
  const enums: Components['schemas'] = {}
  const named = withNamedEnums({ paths, components }, enums)
  const all = { ...named.components.schemas, ...enums }
  const whole = withNullableUnions({ paths: named.paths, schemas: all }, all)
  const { schemas, ...open } = withOpenAnswers(whole.paths, whole.schemas, named.components)
  return { ...open, components: { ...named.components, schemas } }
}

/** What stands in the document beside the endpoints. */
export function describeCommon(app: App): void {
  const { openAPIRegistry: registry } = app
  registry.register('Problem', problemSchema)
  for (const [name, header] of Object.entries(headerComponents))
    registry.registerComponent('headers', name, header as never)
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'A tenant’s API key: `Authorization: Bearer tg_…`',
  })
  registry.registerComponent('securitySchemes', 'adminToken', {
    type: 'http',
    scheme: 'bearer',
    description:
      'The operator’s token, `ADMIN_TOKEN` where Tollgate runs: `Authorization: Bearer <ADMIN_TOKEN>`',
  })
}
