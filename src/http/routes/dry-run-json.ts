// A dry run of a meter, or of a revision of one, as the API shows it.

import { z } from 'zod'
import type { CountingEffect } from '../../billing/invoices/effect-of-counting.ts'
import { EFFECT_CUSTOMERS } from '../../billing/invoices/effect-on-bills.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { rfc3339 } from '../../kernel/time.ts'
import type { Counted } from '../../log/dry-tally.ts'
import { instant } from '../schemas.ts'
import { billSchema, billsJson } from './correction-json.ts'

const totalSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    meter: z.string().meta({ description: 'The meter’s key.', example: 'tokens' }),
    from: instant('As of the whole.'),
    to: instant('As of the whole.'),
    quantity_before: decimalOutput().meta({
      description: 'Its usage of these hours as it is, with history.',
      example: '70',
    }),
    quantity_after: decimalOutput().meta({ description: '… and as it would be.', example: '22' }),
    counters: z
      .int()
      .meta({ description: 'Hours, groups and distinct values that it would have.', example: 2 }),
  })
  .meta({ id: 'DryRunEffect' })

export const dryRunSchema = z
  .object({
    dry_run: z.boolean().meta({ description: 'true: nothing was changed.', example: true }),
    meter: z.string().meta({ description: 'The meter’s key.', example: 'tokens' }),
    from: instant('Start of the hours that are looked at: the first that it is for and that has events.'),
    to: instant('End of them: the hour under way.'),
    blocks: z
      .int()
      .meta({ description: 'Blocks of the event log that may have events of these hours.', example: 365 }),
    events: z.int().meta({
      description:
        'Events that would be counted from the log, with those of the last minutes, which are in no block yet.',
      example: 36_000,
    }),
    customers: z
      .int()
      .meta({ description: 'Customers that have events of its type in these hours.', example: 12 }),
    incomplete: z.boolean().meta({
      description: 'The meter is being filled: what it has now, and so every `before`, is not all.',
      example: false,
    }),
    effect: z
      .array(totalSchema)
      .meta({ description: 'Customers whose totals change, in the order of their ids.' }),
    invoices: z.array(billSchema).meta({
      description:
        'Invoices, drafts and bills of this month that would come to something else: what their lines come to, before coupons and taxes. Of issued invoices the difference is billed by the customer’s next one.',
    }),
    customers_not_shown: z.int().meta({
      description: `Beyond the first ${EFFECT_CUSTOMERS} customers: of how many nobody has looked into totals and bills.`,
      example: 0,
    }),
  })
  .meta({ id: 'DryRun' })

export const dryRunJson = (
  key: string,
  counted: Counted,
  { fromMs, toMs, totals, money, incomplete }: CountingEffect,
): z.input<typeof dryRunSchema> => ({
  dry_run: true,
  meter: key,
  from: rfc3339(fromMs),
  to: rfc3339(toMs),
  blocks: counted.blocks,
  events: counted.events,
  customers: counted.customers,
  incomplete,
  effect: totals.map(({ customerId, before, after, counters }) => ({
    customer_id: customerId,
    meter: key,
    from: rfc3339(fromMs),
    to: rfc3339(toMs),
    quantity_before: before,
    quantity_after: after,
    counters,
  })),
  invoices: money.customers.flatMap(billsJson),
  customers_not_shown: money.more,
})
