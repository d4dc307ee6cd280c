// The HTTP app: the same one in a Worker and in Node. It composes the routes, and does nothing else.

import { OpenAPIHono } from '@hono/zod-openapi'
import { KEY_PREFIX } from '../access/api-key.ts'
import { KeyCache } from '../access/key-cache.ts'
import type { Services } from '../services.ts'
import type { Deps, Env } from './env.ts'
import { describeCommon } from './openapi.ts'
import { Router, type Routes } from './router.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { billingRoutes } from './routes/billing.ts'
import { closingRoutes } from './routes/closing.ts'
import { correctionRoutes } from './routes/corrections.ts'
import { couponRoutes } from './routes/coupons.ts'
import { creditRoutes } from './routes/credit.ts'
import { creditNoteRoutes } from './routes/credit-notes.ts'
import { customerRoutes } from './routes/customers.ts'
import { erasureRoutes } from './routes/erasures.ts'
import { eventRoutes } from './routes/events.ts'
import { exportRoutes } from './routes/exports.ts'
import { flushRoutes } from './routes/flush.ts'
import { healthRoutes } from './routes/health.ts'
import { importRoutes } from './routes/imports.ts'
import { invoiceDocumentRoutes } from './routes/invoice-documents.ts'
import { invoiceRoutes } from './routes/invoices.ts'
import { meterRoutes } from './routes/meters.ts'
import { placementRoutes } from './routes/placement.ts'
import { planRoutes } from './routes/plans.ts'
import { reconciliationRoutes } from './routes/reconciliation.ts'
import { referenceRoutes } from './routes/reference.ts'
import { replayRoutes } from './routes/replay.ts'
import { revisionRoutes } from './routes/revisions.ts'
import { settingsRoutes } from './routes/settings.ts'
import { subscriptionRoutes } from './routes/subscriptions.ts'
import { tenantRoutes } from './routes/tenants.ts'
import { usageRoutes } from './routes/usage.ts'

const groups: Routes[] = [
  usageRoutes,
  eventRoutes,
  erasureRoutes,
  billingRoutes,
  meterRoutes,
  revisionRoutes,
  customerRoutes,
  planRoutes,
  replayRoutes,
  subscriptionRoutes,
  couponRoutes,
  invoiceRoutes,
  invoiceDocumentRoutes,
  creditRoutes,
  creditNoteRoutes,
  settingsRoutes,
  correctionRoutes,
  importRoutes,
  exportRoutes,
  tenantRoutes,
  placementRoutes,
  apiKeyRoutes,
  flushRoutes,
  closingRoutes,
  reconciliationRoutes,
  healthRoutes,
]

/** Throws for services that can't work, and for mistakes in the routes' definitions. */
export function createApp(services: Services, keys = new KeyCache(services.clock)): OpenAPIHono<Env> {
  check(services)
  const deps: Deps = { ...services, keys }
  const app = new OpenAPIHono<Env>()
  describeCommon(app)
  const router = new Router(app, deps)
  for (const addRoutes of [...groups, referenceRoutes(app)]) addRoutes(router, deps)
  return app
}

function check(services: Services): void {
  for (const name of [
    'clock',
    'limits',
    'counters',
    'usage',
    'access',
    'configs',
    'catalog',
    'accounts',
    'coupons',
    'billing',
    'idempotency',
  ] as const) {
    if (services[name] === undefined || services[name] === null)
      throw new Error(`createApp: services.${name} is missing`)
  }
  if (services.adminToken !== null) checkAdminToken(services.adminToken)
}

/** Throws for one that could not be sent, or would be taken for something else. */
export function checkAdminToken(adminToken: string): void {
  if (typeof adminToken !== 'string' || !/^[\x21-\x7e]+$/.test(adminToken)) {
    throw new Error('ADMIN_TOKEN must be printable ASCII without spaces: it is sent in a header')
  }
  if (adminToken.startsWith(KEY_PREFIX)) {
    throw new Error(`ADMIN_TOKEN must not begin with "${KEY_PREFIX}": so begin tenants' API keys`)
  }
}
