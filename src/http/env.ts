// What a request carries through the app, and what every route is given.

import type { OpenAPIHono } from '@hono/zod-openapi'
import type { FillRandom } from '../access/api-key.ts'
import type { KeyCache } from '../access/key-cache.ts'
import type { NewId } from '../kernel/ids.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { Services } from '../services.ts'

export type Env = {
  Variables: {
    requestId: string
    /** Ids for what a request makes. With an Idempotency-Key they are the same again when it is executed again. */
    newId: NewId
    /** Only with an Idempotency-Key on an endpoint that shows a secret: makes the same secret again. */
    fillRandom: FillRandom | undefined
    /** only on tenants' routes */
    tenant: TenantConfig
    keyId: string
    /** The body's text, once it is read, and its JSON where a schema checks that. */
    bodyText: string
    sent: unknown
  }
}

/** The services, and the keys that this instance has cached. */
export type Deps = Services & { keys: KeyCache }

export type App = OpenAPIHono<Env>
