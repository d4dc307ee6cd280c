// What customers would have paid on another plan.

import { z } from 'zod'
import { checkPrices } from '../../billing/check-prices.ts'
import { invoiceLineSchema, lineJson } from '../../billing/invoices/invoice-json.ts'
import { periodOf } from '../../billing/period.ts'
import { type Replayed, replayPlan } from '../../billing/replay-plan.ts'
import { planNamed } from '../../billing/subscriptions/create-subscription.ts'
import { planVersionSchema } from '../../billing/subscriptions/subscription-input.ts'
import { type Terms, termsInputFields, termsOf } from '../../billing/terms.ts'
import { currencySchema, roundedAmount } from '../../kernel/currency.ts'
import { decimal } from '../../kernel/decimal.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { PAGE_DEFAULT, PAGE_MAX, pageOf, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { listUsedCustomers } from '../../metering/list-used-customers.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { Deps } from '../env.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageSchema } from '../schemas.ts'
import { periodParameters } from './period-parameters.ts'

const LIST = 'replay'

const inputSchema = knownFields('A replay', {
  plan: keySchema.optional().meta({ description: 'Key of a plan; or send `terms`.', example: 'pro' }),
  version: planVersionSchema.optional(),
  terms: knownFields('Terms', { currency: currencySchema, ...termsInputFields })
    .optional()
    .meta({ description: 'A plan that is not made yet.' }),
  ...periodParameters,
  customer_ids: z
    .array(customerIdSchema)
    .min(1)
    .max(PAGE_MAX)
    .optional()
    .meta({ description: 'Absent: all that have usage, in pages.', example: ['cust_42'] }),
  limit: z
    .int()
    .min(1)
    .max(PAGE_MAX)
    .default(PAGE_DEFAULT)
    .meta({ description: 'Customers a page.', example: 20 }),
  cursor: z.string().max(2_000).optional().meta({ description: '`next_cursor` of the page before.' }),
})
  .refine(({ plan, terms }) => (plan === undefined) !== (terms === undefined), {
    path: ['plan'],
    error: 'must be there, or terms must: one of them, not both',
  })
  .meta({ id: 'ReplayInput' })

const replayedSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    currency: z.string().meta({ example: 'USD' }),
    period: z.object({ start: z.iso.datetime(), end: z.iso.datetime() }),
    would_pay: decimalOutput().meta({ description: 'Sum of the lines.', example: '61.20' }),
    did_pay: decimalOutput().nullable().meta({
      description:
        'Sum of the subtotals of its invoices, in this currency, of periods that lie within the period; null: there is none.',
      example: '58.00',
    }),
    difference: decimalOutput().nullable().meta({ description: 'would_pay − did_pay', example: '3.20' }),
    invoices: z.array(z.string()).meta({ description: 'Their numbers.', example: ['INV-000042'] }),
    lines: z.array(invoiceLineSchema),
  })
  .meta({ id: 'Replayed' })

export const replayRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/plans/replay',
    id: 'replayPlan',
    tag: 'Plans',
    summary: 'Replay a plan over past usage',
    description:
      'What customers would have paid in a period on this plan, with the usage that they had, beside what they were invoiced. The period counts as one of the plan, with its fees in full; coupons, taxes and credit are left out on both sides. Nothing is stored.',
    access: 'tenant',
    body: inputSchema,
    responses: { 200: { description: 'A page of customers.', schema: pageSchema(replayedSchema) } },
    errors: ['too_many_counters', 'not_found'],
    handle: async (c, { body }) => {
      const { tenant } = c.var
      const { terms, currency } = await termsNamed(deps, tenant, body)
      const { startMs, endMs } = ofBody(() => periodOf(body, tenant.timezone, deps.clock()))
      const period = { startMs, endMs }
      const page = ofBody(() => pageRequest(LIST, body, customerIdSchema))
      const ids =
        body.customer_ids === undefined
          ? await listUsedCustomers(deps, tenant.tenantId, page.after ?? '', page.limit + 1)
          : [...new Set(body.customer_ids)]
      const limit = body.customer_ids === undefined ? page.limit : PAGE_MAX
      const { data, next_cursor } = pageOf(LIST, ids, limit, (id) => id)
      const found = await replayPlan(deps, tenant, { terms, currency, customerIds: data, period })
      return reply(c, 200, { data: found.map((one) => replayedJson(one, currency, period)), next_cursor })
    },
  })
}

/** What names parameters of a query elsewhere stands in the body here. */
function ofBody<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TollgateError)) throw error
    const issues = error.issues.map(({ pointer, detail }) => ({ pointer: `#/${pointer}`, detail }))
    throw new TollgateError(error.code, error.detail, { issues })
  }
}

async function termsNamed(
  deps: Deps,
  tenant: TenantConfig,
  { plan: key, version, terms }: z.output<typeof inputSchema>,
): Promise<{ terms: Terms; currency: string }> {
  if (key !== undefined) {
    const plan = await planNamed(deps, tenant, { plan: key, version })
    return { terms: plan.terms, currency: plan.currency }
  }
  const known = new Set(tenant.meters.map((meter) => meter.key))
  const issues = terms!.prices.flatMap(({ meter }, i) =>
    known.has(meter)
      ? []
      : [
          {
            pointer: `#/terms/prices/${i}/meter`,
            detail: `must be the key of a meter; there is no "${meter}"`,
          },
        ],
  )
  if (issues.length > 0)
    throw new TollgateError('validation_failed', 'A price names a meter that there is not.', { issues })
  await checkPrices(deps, tenant.tenantId, terms!.prices, '#/terms/prices')
  return { terms: termsOf(terms!), currency: terms!.currency }
}

const replayedJson = (
  { customerId, lines, wouldPay, didPay, invoices }: Replayed,
  currency: string,
  { startMs, endMs }: { startMs: number; endMs: number },
): z.input<typeof replayedSchema> => ({
  customer_id: customerId,
  currency,
  period: { start: rfc3339(startMs), end: rfc3339(endMs) },
  would_pay: wouldPay,
  did_pay: didPay,
  difference: didPay === null ? null : roundedAmount(decimal(wouldPay).minus(didPay), currency),
  invoices,
  lines: lines.map((line, i) => lineJson(line, i + 1)),
})
