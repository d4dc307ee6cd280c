// Totals as rows of an export: customer after customer, each exact at the instant when it is read.

import { text } from '../../kernel/decimal.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { listUsedCustomers } from '../../metering/list-used-customers.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { ReadServices } from '../../metering/read-live.ts'
import { readUsage, type UsageQuantity, type UsageQuery } from '../../metering/read-usage.ts'
import { CUSTOMERS_PER_PAGE } from './limits.ts'
import { micros, type Row } from './table.ts'
import type { tables } from './tables.ts'

export type UsageRow = Row<typeof tables.usage.columns>
export type UsageExport = Omit<UsageQuery, 'customerIds'> & { customerId: string | undefined }

export async function* usageRows(
  services: ReadServices & Parameters<typeof listUsedCustomers>[0],
  tenant: TenantConfig,
  { customerId, ...query }: UsageExport,
): AsyncGenerator<UsageRow[]> {
  const read = (customerIds: string[]) => readFitting(services, tenant, { ...query, customerIds })
  if (customerId !== undefined) return yield* read([customerId])
  let last = ''
  while (true) {
    const customerIds = await listUsedCustomers(services, tenant.tenantId, last, CUSTOMERS_PER_PAGE)
    // Without any customer the query is judged all the same.
    if (customerIds.length > 0 || last === '') yield* read(customerIds)
    if (customerIds.length < CUSTOMERS_PER_PAGE) return
    last = customerIds.at(-1)!
  }
}

/** Halves what is too much for one read, down to a single customer. */
async function* readFitting(
  services: ReadServices,
  tenant: TenantConfig,
  query: UsageQuery,
): AsyncGenerator<UsageRow[]> {
  const { customerIds } = query
  const found = await readUsage(services, tenant, { ...query, history: true }).catch((error: unknown) => {
    if (customerIds.length > 1 && isTooMuch(error)) return null
    throw error
  })
  if (found !== null) return yield found.quantities.map((one) => rowOf(one, query.boundariesMs))
  const half = Math.ceil(customerIds.length / 2)
  for (const part of [customerIds.slice(0, half), customerIds.slice(half)])
    yield* readFitting(services, tenant, { ...query, customerIds: part })
}

/** Of what is wrong with the query itself, there are issues. */
const isTooMuch = (error: unknown): boolean =>
  error instanceof TollgateError &&
  (error.code === 'too_many_counters' || (error.code === 'validation_failed' && error.issues.length === 0))

const rowOf = (one: UsageQuantity, boundariesMs: number[]): UsageRow => ({
  customer_id: one.customerId,
  meter: one.meter.key,
  aggregation: one.meter.aggregation,
  window_start: micros(boundariesMs[one.window]!),
  window_end: micros(boundariesMs[one.window + 1]!),
  group: one.group,
  quantity: text(one.quantity),
  settled_quantity: text(one.settledQuantity),
  live_quantity: text(one.quantity.minus(one.settledQuantity)),
})
