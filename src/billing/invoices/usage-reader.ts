// Reads the usage that accounts' invoices ask for, all of a batch at once, and gives it to each account by its spans.

import { TollgateError } from '../../kernel/errors.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import type { Meter, TenantConfig } from '../../metering/meter.ts'
import type { ReadServices } from '../../metering/read-live.ts'
import { readSpans, type SpanQuantity } from '../../metering/read-spans.ts'
import type { Span } from '../../metering/span.ts'
import type { UsageOf, UsageSpan } from './usage-lines.ts'

export type Needed = { customerId: string; spans: UsageSpan[] }

const keyOf = (customerId: string, { meter, fromMs, toMs, matches }: UsageSpan): string =>
  JSON.stringify([customerId, meter, fromMs, toMs, matches])

export type UsageServices = ReadServices & {
  configs: ReadServices['configs'] & {
    forget(tenantId: string): void
    load(tenantId: string): Promise<TenantConfig>
  }
}

export type Usage = {
  meters: ReadonlyMap<string, Meter>
  of(customerId: string): UsageOf
  /** keys of meters that are being filled */
  incomplete: ReadonlySet<string>
}

/** `of`: by customer, a function of the spans that were asked for. `history`: whether it counts, too, which is for no invoice. */
export async function usageFor(
  services: UsageServices,
  tenant: TenantConfig,
  needed: Needed[],
  more: { history?: boolean } = {},
): Promise<Usage> {
  const config = await knowing(services, tenant, needed)
  const spans = new Map(
    needed.flatMap(({ customerId, spans }) =>
      spans.map((span) => [keyOf(customerId, span), { customerId, ...span }] as const),
    ),
  )
  const asked = [...spans.values()].map(({ customerId, meter, fromMs, toMs, matches }) => ({
    customerId,
    meter,
    startMs: fromMs,
    endMs: toMs,
    parts: matches,
  }))
  const found: (SpanQuantity | TollgateError)[] = []
  for (const some of needed.length > 1 ? [asked] : pieces(asked))
    found.push(...(await readKept((spans) => readSpans(services, config, spans, more), some)))
  const byKey = new Map([...spans.keys()].map((key, i) => [key, found[i]!]))
  const of = (customerId: string) => (span: UsageSpan) => {
    const usage = byKey.get(keyOf(customerId, span))
    if (usage instanceof TollgateError) throw usage
    if (usage !== undefined) return [...usage.parts, usage.rest]
    throw new Error(`Usage was not read: ${keyOf(customerId, span)}`)
  }
  const incomplete = new Set(asked.filter((_, i) => isIncomplete(found[i]!)).map(({ meter }) => meter))
  return { meters: new Map(config.meters.map((meter) => [meter.key, meter])), of, incomplete }
}

const isIncomplete = (one: SpanQuantity | TollgateError): boolean =>
  !(one instanceof TollgateError) && one.incomplete

/** Those of spans whose hours are gone are the refusal: whoever needs no other than these is refused, and nobody else. */
async function readKept(
  read: (spans: Span[]) => Promise<SpanQuantity[]>,
  spans: Span[],
): Promise<(SpanQuantity | TollgateError)[]> {
  try {
    return await read(spans)
  } catch (error) {
    if (!(error instanceof TollgateError && error.code === 'hours_gone')) throw error
    if (spans.length === 1) return [error]
    const half = Math.ceil(spans.length / 2)
    return [...(await readKept(read, spans.slice(0, half))), ...(await readKept(read, spans.slice(half)))]
  }
}

/**
 * What one customer needs is read in as many pieces as it takes: there is no smaller batch that its invoice could be closed in.
 * A part of a span is two rows at most, what was before it and what is in it.
 */
function pieces(spans: Span[]): Span[][] {
  const found: Span[][] = []
  let room = 0
  for (const span of spans) {
    const rows = 2 * (span.parts.length + 1)
    if (rows > room) {
      found.push([])
      room = ROWS_PER_READ
    }
    found.at(-1)!.push(span)
    room -= rows
  }
  return found
}

/** What is cached may be older than a plan, and lack a meter that the plan prices. */
async function knowing(
  { configs }: UsageServices,
  tenant: TenantConfig,
  needed: Needed[],
): Promise<TenantConfig> {
  const known = new Set(tenant.meters.map(({ key }) => key))
  if (needed.every(({ spans }) => spans.every(({ meter }) => known.has(meter)))) return tenant
  configs.forget(tenant.tenantId)
  return configs.load(tenant.tenantId)
}
