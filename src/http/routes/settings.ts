// A tenant's own settings.

import type { z } from 'zod'
import { changeTenant } from '../../access/change-tenant.ts'
import { noTenant } from '../../access/create-key.ts'
import { settingsChangeSchema } from '../../access/tenant.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { tenantJson, tenantSchema } from './tenants.ts'

const settingsSchema = tenantSchema.omit({ id: true, created_at: true }).meta({ id: 'Settings' })

const settingsJson = (tenant: Parameters<typeof tenantJson>[0]): z.input<typeof settingsSchema> => {
  const { id: _, created_at: __, ...settings } = tenantJson(tenant)
  return settings
}

const changeSchema = settingsChangeSchema.meta({ id: 'SettingsChange' })
const path = '/api/v1/settings'
const tag = 'Settings'

export const settingsRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path,
    id: 'getSettings',
    tag,
    summary: 'Read your settings',
    description:
      'Name, time zone, currency, `event_log_days` and `dedupe_window_hours` are as whoever runs the server has made them. `log_since` says how far the event log reaches back.',
    access: 'tenant',
    responses: { 200: { description: 'The settings.', schema: settingsSchema } },
    handle: async (c) => {
      const { tenantId } = c.var.tenant
      const tenant = await deps.access.findTenant(tenantId)
      if (tenant === null) throw noTenant(tenantId)
      return reply(c, 200, settingsJson(tenant))
    },
  })

  router.add({
    method: 'patch',
    path,
    id: 'changeSettings',
    tag,
    summary: 'Change your settings',
    description:
      '`unmetered` and the default plan. With `"unmetered": "keep"`, events whose resource type no meter measures are accepted and logged from now on, for meters that come later.',
    access: 'tenant',
    body: changeSchema,
    responses: { 200: { description: 'The settings.', schema: settingsSchema } },
    handle: async (c, { body }) =>
      reply(c, 200, settingsJson(await changeTenant(deps, { id: c.var.tenant.tenantId, change: body }))),
  })
}
