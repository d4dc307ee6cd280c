// Events of the log as the API shows them.

import { z } from 'zod'
import { invoiceNumber } from '../../billing/invoices/invoice.ts'
import { type EventLine, linesOf } from '../../billing/invoices/line-events.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { encodeCursor, type Page } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { correctionActions } from '../../log/act.ts'
import { type DescribedEvent, describeEvents } from '../../log/describe-event.ts'
import type { EventCorrection, LogEntry, Position } from '../../log/entry.ts'
import type { LogServices } from '../../log/find-events.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { Deps } from '../env.ts'
import { instant } from '../schemas.ts'
import { positionText } from './event-parameters.ts'

const lineSchema = z
  .object({
    invoice_id: z.string().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' }),
    number: z.string().meta({ description: 'The invoice’s number.', example: 'INV-000042' }),
    line: z.number().int().meta({ description: 'The number of the line.', example: 1 }),
  })
  .meta({ id: 'EventInvoiceLine' })

const countingSchema = z
  .object({
    key: z.string().meta({ description: 'The meter’s key.', example: 'api_calls' }),
    value: z.string().meta({
      description: 'What it added: a decimal, or for unique_count the value that was told apart.',
      example: '100',
    }),
    hour: instant('Start of the hour that it counts in.'),
    group: z.record(z.string(), z.string().nullable()).meta({ example: { model: 'large' } }),
    invoice_line: lineSchema.optional().meta({ description: 'Absent: no issued invoice bills it yet.' }),
  })
  .meta({ id: 'EventCounting' })

const markSchema = z
  .object({
    id: z.string().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' }),
    action: z.enum(correctionActions).meta({ 'x-name': 'CorrectionAction', example: 'void' }),
    reason: z.string().meta({ example: 'sent twice by a broken retry' }),
    at: instant('When it was applied.'),
  })
  .meta({ id: 'EventCorrection' })

export const loggedEventSchema = z
  .object({
    id: z.string().meta({ example: 'req_8f14e45f' }),
    customer_id: z.string().meta({ example: 'cust_42' }),
    resource_type: z.string().meta({ example: 'api_call' }),
    quantity: decimalOutput().meta({ example: '100' }),
    timestamp: instant('When it happened: as sent, or else when it arrived.'),
    properties: z.record(z.string(), z.unknown()).meta({ example: { model: 'large', region: 'eu' } }),
    received_at: z.iso.datetime().meta({
      description: 'When it was accepted, to the microsecond.',
      example: '2026-11-22T10:00:00.123456Z',
    }),
    meters: z.array(countingSchema).meta({ description: 'The meters that count it, perhaps none.' }),
    history: z.boolean().optional().meta({
      description: 'It was imported as history: usage has it, and no bill. Absent of others.',
      example: true,
    }),
    invoice_line: lineSchema
      .optional()
      .meta({ description: 'The first of its meters’ lines. Absent: no issued invoice bills it yet.' }),
    correction: markSchema.optional().meta({
      description:
        'The correction that voided it, or else the last one that changed it: it is shown as it is by now, and one that is voided as it was before. Absent: it stands as it was sent.',
    }),
  })
  .meta({ id: 'LoggedEvent' })

type LineOf = Awaited<ReturnType<typeof linesOf>>

function eventJson(event: DescribedEvent, lineOf: LineOf): z.input<typeof loggedEventSchema> {
  const meters = event.countings.map(({ meter, value, hourMs, group }) => {
    const line = lineOf(event, meter.key)
    const billed = line && { invoice_line: lineJson(line) }
    return { key: meter.key, value, hour: rfc3339(hourMs), group, ...billed }
  })
  const first = meters.find((one) => one.invoice_line !== undefined)?.invoice_line
  return {
    id: event.id,
    customer_id: event.customerId,
    resource_type: event.resourceType,
    quantity: event.quantity,
    timestamp: rfc3339(event.timestampMs),
    properties: event.properties,
    received_at: receivedAt(event.receivedMicros),
    meters,
    ...(event.history && { history: true as const }),
    ...(first && { invoice_line: first }),
    ...(event.correction && { correction: markJson(event.correction) }),
  }
}

const markJson = ({ id, action, reason, atMs }: EventCorrection): z.input<typeof markSchema> => ({
  id,
  action,
  reason,
  at: rfc3339(atMs),
})

const lineJson = ({ invoice, line }: EventLine): z.input<typeof lineSchema> => ({
  invoice_id: invoice.id,
  number: invoiceNumber(invoice.number!),
  line,
})

/** To the microsecond: so that who sorts by it has the order of the list. */
const receivedAt = (micros: number): string =>
  rfc3339(Math.floor(micros / 1000)).replace('Z', `${String(micros % 1000).padStart(3, '0')}Z`)

type LoggedEventJson = z.input<typeof loggedEventSchema>

export async function eventsJson(
  deps: Deps,
  tenant: TenantConfig,
  entries: LogEntry[],
): Promise<LoggedEventJson[]> {
  const described = await describeEvents(deps, tenant, entries)
  const lineOf = await linesOf(deps, tenant.tenantId, described)
  return described.map((event) => eventJson(event, lineOf))
}

/** `next`: from where the next page goes on; null: there is none. */
export const eventPage = async (
  deps: Deps,
  tenant: TenantConfig,
  entries: LogEntry[],
  { list, next }: { list: string; next: Position | null },
): Promise<Page<LoggedEventJson>> => ({
  data: await eventsJson(deps, tenant, entries),
  next_cursor: next === null ? null : encodeCursor(list, positionText(next)),
})

/** Throws where there is no log. */
export function logOf(deps: Deps): Deps & LogServices {
  if (deps.blocks !== null) return { ...deps, blocks: deps.blocks }
  throw new TollgateError('not_found', 'This server keeps no event log: it runs with EVENT_LOG=off.')
}
