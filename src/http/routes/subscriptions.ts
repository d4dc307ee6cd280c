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
import type { Subscription } from '../../billing/subscriptions/subscription.ts'
import {
  cancelInputSchema,
  externalIdSchema,
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
  const shown = (subscription: Subscription, { tenant }: { tenant: { timezone: string } }) =>
    subscriptionJson(subscription, deps.clock(), tenant.timezone)

  router.add({
    method: 'post',
    path,
    id: 'createSubscription',
    tag,
    summary: 'Subscribe a customer to a plan',
    description:
      'From the hour of its start on, usage of the meters that the plan prices is billed by it; what is due in advance is invoiced at once. The newest version of the plan is taken unless you name one. At any time one subscription of a customer prices a meter. Send an `external_id` or an `Idempotency-Key`: without one, a retry subscribes again. The same `external_id` with the same content answers the subscription that there is (200). To bring a running subscription along, send its `start`, its `billing_anchor`, and `bill_from`: where its first period begins that Tollgate invoices.',
    access,
    body: subscriptionInputSchema,
    responses: {
      201: { description: 'The subscription.', schema: subscriptionSchema },
      200: {
        description: 'There is one with this `external_id` already, with the same content.',
        schema: subscriptionSchema,
      },
    },
    errors: ['already_exists', 'already_priced', 'state_conflict'],
    handle: async (c, { body }) => {
      const { subscription, created } = await createSubscription(deps, c.var, body)
      return reply(c, created ? 201 : 200, shown(subscription, c.var))
    },
  })

  router.add({
    method: 'get',
    path,
    id: 'listSubscriptions',
    tag,
    summary: 'List subscriptions',
    description: 'The newest first, ended ones too.',
    access,
    query: z.strictObject({
      customer_id: customerIdSchema.optional(),
      external_id: externalIdSchema.optional(),
      ...pageParameters,
    }),
    responses: { 200: { description: 'A page of subscriptions.', schema: pageSchema(subscriptionSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const filter = { customerId: query.customer_id, externalId: query.external_id }
      const found = await deps.accounts.listSubscriptions(c.var.tenant.tenantId, filter, page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map((one) => shown(one, c.var)), next_cursor })
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
      reply(c, 200, shown(await findSubscription(deps, c.var.tenant.tenantId, params.id), c.var)),
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/change`,
    id: 'changeSubscription',
    tag,
    summary: 'Change the plan',
    description:
      'To another plan, another version of it, or other overrides. `now`: from this hour on; fees that were billed in advance are corrected by days, on the period’s invoice, or at once with `invoice: now`. To a plan with another interval, `now` ends the period with this hour, and begins another one that later ones are counted from. `period_end`: when the current period ends; a change that was scheduled before is replaced.',
    access,
    params,
    body: planChangeInputSchema,
    responses: answer,
    errors: ['not_found', 'already_priced', 'state_conflict', 'too_many_counters', 'hours_gone'],
    handle: async (c, { params, body }) =>
      reply(c, 200, shown(await changeSubscription(deps, c.var, { id: params.id, change: body }), c.var)),
  })

  router.add({
    method: 'post',
    path: `${path}/{id}/change/preview`,
    id: 'previewSubscriptionChange',
    tag,
    summary: 'Preview a change of the plan',
    description:
      'The subscription as it would be, what would be invoiced at once, and its draft as it would stand then. Nothing is stored.',
    access,
    params,
    body: planChangeInputSchema,
    responses: {
      200: {
        description: 'What the change would make of it.',
        schema: z
          .object({
            subscription: subscriptionSchema,
            issued: z
              .array(invoiceSchema)
              .meta({ description: 'What the change would issue at once; without `invoice: now`, nothing.' }),
            invoice: invoiceSchema.meta({ description: 'The draft.' }),
          })
          .meta({ id: 'ChangePreview' }),
      },
    },
    errors: ['not_found', 'already_priced', 'state_conflict', 'too_many_counters', 'hours_gone'],
    handle: async (c, { params, body }) => {
      const preview = await previewChange(deps, c.var, { id: params.id, change: body })
      return reply(c, 200, {
        subscription: shown(preview.subscription, c.var),
        issued: preview.issued.map((one) => invoiceJson(one, deps.clock())),
        invoice: invoiceJson(preview.invoice, deps.clock()),
      })
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
      reply(c, 200, shown(await cancelSubscription(deps, c.var, { id: params.id, ...body }), c.var)),
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
    handle: async (c, { params }) =>
      reply(c, 200, shown(await reactivateSubscription(deps, c.var, params), c.var)),
  })
}
