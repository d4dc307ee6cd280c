// Corrections of events: one taken back or changed, and many at once, as a draft that tells its effect first.

import { z } from 'zod'
import { effectOnBills } from '../../billing/invoices/effect-on-bills.ts'
import { reopenInvoices } from '../../billing/invoices/reopen-invoices.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { line } from '../../kernel/text.ts'
import { correctEvent } from '../../log/correct-event.ts'
import {
  amendInputSchema,
  askedOf,
  changeOf,
  correctionInputSchema,
  voidInputSchema,
} from '../../log/correction-input.ts'
import {
  applyCorrection,
  correctionOf,
  draftCorrection,
  revertCorrection,
} from '../../log/draft-correction.ts'
import type { CounterChange } from '../../log/effect.ts'
import { EVENT_ID_CHARS } from '../../metering/limits.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, pageQuerySchema, pageSchema } from '../schemas.ts'
import { correctionJson, correctionSchema } from './correction-json.ts'
import { logOf } from './event-json.ts'

const LIST = 'corrections'
const tag = 'Events'
const access = 'tenant'
const params = z.strictObject({ id: idSchema })
const eventParams = z.strictObject({
  id: line(EVENT_ID_CHARS).meta({ description: 'The event’s id.', example: 'req_8f14e45f' }),
})
const corrected = {
  200: { description: 'The correction, which is in every figure.', schema: correctionSchema },
  202: {
    description: 'The event is not settled yet: it is entered when that is, `by` says when about.',
    schema: correctionSchema,
  },
}
const refusals = [
  'not_found',
  'state_conflict',
  'before_the_log',
  'hours_gone',
  'events_erased',
  'too_much_at_once',
] as const

export const correctionRoutes: Routes = (router, deps) => {
  const services = () => ({ ...deps, ...logOf(deps) })
  const drafting = (tenant: TenantConfig) => ({
    ...services(),
    priceEffect: (changes: CounterChange[]) => effectOnBills(deps, tenant, changes),
  })
  /** Invoices that it reaches are open again when this is answered. It is entered: where that fails, the next closing does it. */
  const reopened = ({ tenantId }: TenantConfig) => reopenInvoices(deps, tenantId).catch(() => {})
  const latestMs = () => deps.clock() + deps.limits.eventMaxAheadMs

  router.add({
    method: 'post',
    path: '/api/v1/events/{id}/void',
    id: 'voidEvent',
    tag,
    summary: 'Take back an event',
    description:
      'It counts nowhere from then on, for its hour, whatever its age; the log still shows it, marked. What was billed for it is put right on the customer’s next invoice. One of the last minutes may not be settled yet: then it is a 202, and until it is entered a revert cancels it. Its id stays taken.',
    access,
    params: eventParams,
    body: voidInputSchema,
    responses: corrected,
    errors: [...refusals],
    handle: async (c, { params, body }) => {
      const { correction, byMs } = await correctEvent(services(), c.var, {
        id: params.id,
        action: 'void',
        set: {},
        reason: body.reason,
        asCreditNote: body.as === 'credit_note',
      })
      if (byMs === null) await reopened(c.var.tenant)
      return reply(c, byMs === null ? 200 : 202, correctionJson(correction, c.var.tenant, byMs))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/events/{id}/amend',
    id: 'amendEvent',
    tag,
    summary: 'Change an event',
    description:
      'From then on it counts as if it had been sent so: with another quantity, time or customer, or other properties. What is absent stays. Its meters must take it as it will be.',
    access,
    params: eventParams,
    body: amendInputSchema,
    responses: corrected,
    errors: [...refusals],
    handle: async (c, { params, body }) => {
      const { reason, as, ...set } = body
      const { correction, byMs } = await correctEvent(services(), c.var, {
        id: params.id,
        action: 'amend',
        set: changeOf(set, { pointer: '#', latestMs: latestMs() }),
        reason,
        asCreditNote: as === 'credit_note',
      })
      if (byMs === null) await reopened(c.var.tenant)
      return reply(c, byMs === null ? 200 : 202, correctionJson(correction, c.var.tenant, byMs))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/corrections',
    id: 'createCorrection',
    tag,
    summary: 'Draft a correction of many events',
    description:
      'It changes nothing, and tells what it would. It takes events that are settled by now (those of the last two minutes may not be), as they stand when it is applied. Send an `Idempotency-Key`: without one, a retry makes another draft.',
    access,
    body: correctionInputSchema,
    responses: { 201: { description: 'The draft, with its effect.', schema: correctionSchema } },
    errors: [...refusals],
    handle: async (c, { body }) => {
      const { tenant, newId } = c.var
      const asked = askedOf(body, tenant, latestMs())
      const { tenantId } = tenant
      const { correction } = await draftCorrection(drafting(tenant), { tenantId, newId }, asked)
      return reply(c, 201, correctionJson(correction, tenant))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/corrections',
    id: 'listCorrections',
    tag,
    summary: 'List corrections',
    description: 'The newest first, those of one event, too.',
    access,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of corrections.', schema: pageSchema(correctionSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const found = await deps.corrections.list(c.var.tenant.tenantId, page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ correction }) => correction)
      return reply(c, 200, { data: data.map((one) => correctionJson(one, c.var.tenant)), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/corrections/{id}',
    id: 'getCorrection',
    tag,
    summary: 'Read a correction',
    description: 'What it takes and changes, and what became of it.',
    access,
    params,
    responses: { 200: { description: 'The correction.', schema: correctionSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const found = await correctionOf(deps, c.var.tenant.tenantId, params.id)
      return reply(c, 200, correctionJson(found, c.var.tenant))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/corrections/{id}/apply',
    id: 'applyCorrection',
    tag,
    summary: 'Apply a correction',
    description:
      'It is in every figure when this is answered. If it would change something else by now than the draft shows, nothing is changed, and the draft shows that: apply it again if it is right. Applying it again is a success.',
    access,
    params,
    responses: { 200: { description: 'The correction.', schema: correctionSchema } },
    errors: [...refusals, 'effect_changed'],
    handle: async (c, { params }) => {
      const { tenant } = c.var
      const applied = await applyCorrection(drafting(tenant), tenant.tenantId, params.id)
      await reopened(tenant)
      return reply(c, 200, correctionJson(applied, tenant))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/corrections/{id}/revert',
    id: 'revertCorrection',
    tag,
    summary: 'Take a correction back',
    description:
      'Every figure is as it would be without it, whatever came between. One that waits for its event is cancelled. Taking it back again is a success.',
    access,
    params,
    responses: { 200: { description: 'The correction.', schema: correctionSchema } },
    errors: [...refusals],
    handle: async (c, { params }) => {
      const taken = await revertCorrection(services(), c.var.tenant.tenantId, params.id)
      await reopened(c.var.tenant)
      return reply(c, 200, correctionJson(taken, c.var.tenant))
    },
  })
}
