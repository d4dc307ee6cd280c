// Tenants, for the operator.

import { z } from 'zod'
import type { ApiKey } from '../../access/api-key.ts'
import { changeTenant } from '../../access/change-tenant.ts'
import { noTenant } from '../../access/create-key.ts'
import { createTenant } from '../../access/create-tenant.ts'
import {
  dedupeWindowHoursSchema,
  eventLogDaysSchema,
  type Tenant,
  tenantChangeSchema,
  tenantInputSchema,
  unmeteredSchema,
} from '../../access/tenant.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, instant, pageQuerySchema, pageSchema } from '../schemas.ts'

export const tenantSchema = z
  .object({
    id: idSchema,
    name: z.string().meta({ example: 'Acme Inc.' }),
    timezone: z.string().meta({ example: 'Asia/Kolkata' }),
    currency: z.string().meta({ example: 'USD' }),
    default_plan: z
      .string()
      .nullable()
      .meta({ description: 'Key of the plan of customers who have no other.', example: 'default' }),
    unmetered: unmeteredSchema,
    event_log_days: eventLogDaysSchema,
    dedupe_window_hours: dedupeWindowHoursSchema,
    log_since: instant(
      'From when on the event log has everything that arrived. Of what came before, it may lack some or all: for its age, or because there was no log yet. null: not known.',
    ).nullable(),
    created_at: instant('When it was made.'),
  })
  .meta({ id: 'Tenant' })

export const apiKeySchema = z
  .object({
    id: idSchema,
    tenant_id: idSchema,
    name: z.string().meta({ example: 'production' }),
    hint: z.string().meta({ description: 'Its last four characters.', example: 'x7Qa' }),
    created_at: instant('When it was made.'),
    revoked_at: instant('When it was revoked; null: it works.').nullable(),
  })
  .meta({ id: 'ApiKey' })

export const newApiKeySchema = apiKeySchema
  .extend({
    key: z
      .string()
      .meta({ description: 'The key itself. It is shown this once, and stored nowhere.', example: 'tg_…' }),
  })
  .meta({ id: 'NewApiKey' })

export const tenantJson = (tenant: Tenant): z.input<typeof tenantSchema> => ({
  id: tenant.id,
  name: tenant.name,
  timezone: tenant.timezone,
  currency: tenant.currency,
  default_plan: tenant.defaultPlan,
  unmetered: tenant.unmetered,
  event_log_days: tenant.eventLogDays,
  dedupe_window_hours: tenant.dedupeWindowHours,
  log_since: tenant.logSince?.toISOString() ?? null,
  created_at: tenant.createdAt.toISOString(),
})

export const apiKeyJson = (key: ApiKey): z.input<typeof apiKeySchema> => ({
  id: key.id,
  tenant_id: key.tenantId,
  name: key.name,
  hint: key.hint,
  created_at: key.createdAt.toISOString(),
  revoked_at: key.revokedAt?.toISOString() ?? null,
})

const inputSchema = tenantInputSchema.meta({ id: 'TenantInput' })
const changeSchema = tenantChangeSchema.meta({ id: 'TenantChange' })
const newTenantSchema = tenantSchema.extend({ api_key: newApiKeySchema }).meta({ id: 'NewTenant' })

const LIST = 'tenants'
const tag = 'Tenants'

export const tenantRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/tenants',
    id: 'createTenant',
    tag,
    summary: 'Make a tenant',
    description: 'With its first API key, which is shown this once, and a default plan without prices.',
    access: 'admin',
    body: inputSchema,
    showsSecret: true,
    responses: { 201: { description: 'The tenant and its key.', schema: newTenantSchema } },
    handle: async (c, { body }) => {
      const { tenant, key, secret } = await createTenant(deps, c.var, body)
      return reply(c, 201, { ...tenantJson(tenant), api_key: { ...apiKeyJson(key), key: secret } })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/tenants',
    id: 'listTenants',
    tag,
    summary: 'List tenants',
    description: 'Oldest first.',
    access: 'admin',
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of tenants.', schema: pageSchema(tenantSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const { data, next_cursor } = pageOf(
        LIST,
        await deps.access.listTenants(page),
        page.limit,
        ({ id }) => id,
      )
      return reply(c, 200, { data: data.map(tenantJson), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/tenants/{id}',
    id: 'getTenant',
    tag,
    summary: 'Read a tenant',
    description: 'With its time zone, its currency and its default plan; without its keys.',
    access: 'admin',
    params: z.strictObject({ id: idSchema }),
    responses: { 200: { description: 'The tenant.', schema: tenantSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const tenant = await deps.access.findTenant(params.id)
      if (tenant === null) throw noTenant(params.id)
      return reply(c, 200, tenantJson(tenant))
    },
  })

  router.add({
    method: 'patch',
    path: '/api/v1/tenants/{id}',
    id: 'changeTenant',
    tag,
    summary: 'Change a tenant',
    description:
      'Its name, its default plan, `unmetered`, for events from now on, how long its events are kept, and how long their ids are known (`dedupe_window_hours`). Its time zone and its currency stay.',
    access: 'admin',
    params: z.strictObject({ id: idSchema }),
    body: changeSchema,
    responses: { 200: { description: 'The tenant.', schema: tenantSchema } },
    errors: ['not_found'],
    handle: async (c, { params, body }) =>
      reply(c, 200, tenantJson(await changeTenant(deps, { id: params.id, change: body }))),
  })
}
