// What is behind a line of usage: the counters of each hour.

import { TollgateError } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/page.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type Hours, readHours } from '../../metering/read-hours.ts'
import type { Invoice, UsageLine } from './invoice.ts'
import { findInvoice, type InvoiceServices, readInvoice } from './read-invoice.ts'

type Caller = { tenant: TenantConfig }

/**
 * The hours that have counters, ascending; one more than fit if there is one. Of an adjustment, those of the line that it
 * adjusts, as they are now. Throws not_found for a line that no usage is behind.
 */
export async function lineUsage(
  services: InvoiceServices,
  { tenant }: Caller,
  { id, line: number, page }: { id: string; line: number; page: PageRequest },
): Promise<Hours> {
  const { invoice, line } = await usageLineOf(services, { tenant }, id, number)
  const parts = matchesBeside(invoice, line)
  const span = {
    customerId: invoice.customerId,
    meter: line.meter,
    startMs: line.fromMs,
    endMs: line.toMs,
    parts,
  }
  const part = line.match === null ? null : parts.indexOf(line.match)
  return readHours(services, tenant, { span, part }, page)
}

/** Of an adjustment, the line that it adjusts. Throws not_found for a line that no usage is behind. */
export async function usageLineOf(
  services: InvoiceServices,
  { tenant }: Caller,
  id: string,
  number: number,
): Promise<{ invoice: Invoice; line: UsageLine }> {
  const invoice = await readInvoice(services, { tenant }, { id })
  const line = invoice.lines[number - 1]
  if (line?.kind === 'usage') return { invoice, line }
  if (line?.kind === 'adjustment') {
    const adjusted = await findInvoice(services, tenant.tenantId, line.adjusts.invoiceId)
    return { invoice: adjusted, line: adjusted.lines[line.adjusts.line - 1] as UsageLine }
  }
  throw new TollgateError(
    'not_found',
    line === undefined
      ? `The invoice has ${invoice.lines.length} lines, and none with the number ${number}.`
      : `Line ${number} is a ${line.kind}, which no usage is behind.`,
  )
}

/** The groups that are priced apart beside the line, in order of precedence: together they say what the rest is. */
export const matchesBeside = ({ lines }: Invoice, { meter, fromMs }: UsageLine) =>
  lines.flatMap((one) =>
    one.kind === 'usage' && one.meter === meter && one.fromMs === fromMs && one.match !== null
      ? [one.match]
      : [],
  )
