// Subscriptions.

import { z } from 'zod'
import { invoiceJson, invoiceSchema } from '../../billing/invoices/invoice-json.ts'
import { previewChange } from '../../billing/invoices/preview-invoice.ts'
import {
  cancelSubscription,
  reactivateSubscription,
} from '../../billing/subscriptions/cancel-subscription.ts'
import { changeSubscription } from '../../billing/subscriptions/change-subscription.ts'
import { createSubscription } from '../../billing/subscriptions/create-subscription.ts'
import { findSubscription } from '../../billing/subscriptions/find-subscription.ts'
import {
  cancelInputSchema,
  planChangeInputSchema,
  subscriptionInputSchema,
  subscriptionJson,
  subscriptionSchema,
} from '../../billing/subscriptions/subscription-input.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, pageSchema } from '../schemas.ts'

const LIST = 'subscriptions'
const tag = 'Subscriptions'
const params = z.strictObject({ id: idSchema })
const access = 'tenant'
const path = '/api/v1/subscriptions'
const answer = { 200: { description: 'The subscription.', schema: subscriptionSchema } }

export const subscriptionRoutes: Routes = (router, deps) => {
  const shown = (subscription: Parameters<typeof subscriptionJson>[0]) =>
    subscriptionJson(subscription, deps.clock())

  router.add({
    method: 'post',
    path,
    id: 'createSubscription',
    tag,
    summary: 'Subscribe a customer to a plan',
    description:
      'From the hour of its start on, usage of the meters that the plan prices is billed by it; what is due in advance is invoiced at once. The newest version of the plan is taken unless you name one. At any time one subscription of a customer prices a meter. Send an `Idempotency-Key`: without one, a retry subscribes again.',
    access,
    body: subscriptionInputSchema,
    responses: { 201: { description: 'The subscription.', schema: subscriptionSchema } },
    errors: ['already_priced', 'state_conflict'],
    handle: async (c, { body }) => reply(c, 201, shown(await createSubscription(deps, c.var, body))),
  })

  router.add({
    method: 'get',
    path,
    id: 'listSubscriptions',
    tag,
    summary: 'List subscriptions',
    description: 'The newest first, ended ones too.',
    access,
    query: z.strictObject({ customer_id: customerIdSchema.optional(), ...pageParameters }),
    responses: { 200: { description: 'A page of subscriptions.', schema: pageSchema(subscriptionSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const filter = { customerId: query.customer_id }
      const found = await deps.accounts.listSubscriptions(c.var.tenant.tenantId, filter, page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(shown), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: `${path}/{id}`,
    id: 'getSubscription',
    tag,
    summary: 'Read a subscription',
    description: 'With the plan that it is on now, a change that is to come, and the id of its draft.',
    access,
    params,
    responses: answer,
    errors: ['not_found'],
    handle: async (c, { params }) =>
      reply(c, 200, shown(await findSubscription(deps, c.var.tenant.tenantId, params.id))),
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/change`,
    id: 'changeSubscription',
    tag,
    summary: 'Change the plan',
    description:
      'To another plan, another version of it, or other overrides. `now`: from this hour on; fees that were billed in advance are corrected by days, as lines of the period’s invoice. `period_end`: when the current period ends; a change that was scheduled before is replaced.',
    access,
    params,
    body: planChangeInputSchema,
    responses: answer,
    errors: ['not_found', 'already_priced', 'state_conflict'],
    handle: async (c, { params, body }) =>
      reply(c, 200, shown(await changeSubscription(deps, c.var, { id: params.id, change: body }))),
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/change/preview`,
    id: 'previewSubscriptionChange',
    tag,
    summary: 'Preview a change of the plan',
    description: 'The subscription as it would be, and its draft as it would stand now. Nothing is stored.',
    access,
    params,
    body: planChangeInputSchema,
    responses: {
      200: {
        description: 'What the change would make of it.',
        schema: z
          .object({ subscription: subscriptionSchema, invoice: invoiceSchema })
          .meta({ id: 'ChangePreview' }),
      },
    },
    errors: ['not_found', 'already_priced', 'state_conflict', 'too_many_counters'],
    handle: async (c, { params, body }) => {
      const { subscription, invoice } = await previewChange(deps, c.var, { id: params.id, change: body })
      return reply(c, 200, { subscription: shown(subscription), invoice: invoiceJson(invoice, deps.clock()) })
    },
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/cancel`,
    id: 'cancelSubscription',
    tag,
    summary: 'Cancel',
    description:
      'now: at the end of this hour; what was billed in advance for days after this one is given back, less what coupons had taken off of it. period_end: when the current period ends. One that has not begun is taken back. Cancelling again changes nothing, unless it is sooner.',
    access,
    params,
    body: cancelInputSchema,
    responses: answer,
    errors: ['not_found', 'state_conflict'],
    handle: async (c, { params, body }) =>
      reply(c, 200, shown(await cancelSubscription(deps, c.var, { id: params.id, ...body }))),
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/reactivate`,
    id: 'reactivateSubscription',
    tag,
    summary: 'Take a cancellation back',
    description:
      'As long as the subscription has not ended. A change of plan that was to come after the cancellation is gone.',
    access,
    params,
    responses: answer,
    errors: ['not_found', 'already_priced', 'state_conflict'],
    handle: async (c, { params }) => reply(c, 200, shown(await reactivateSubscription(deps, c.var, params))),
  })
}
