// Usage as it would be: what is read of the stores, with changes of counters that are only proposed. It is read in the same way, and so
// cut into the same spans and parts.

import type { CounterChange } from '../../log/effect.ts'
import type { Counter } from '../../metering/counter.ts'
import { liveWith } from '../../metering/history.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { LiveCounter } from '../../metering/ports.ts'
import type { UsageServices } from './usage-reader.ts'

/** No segment has this id: what is laid over the stores is in none, and so is never taken for settled. */
const OVERLAY = 'overlay'

/** The services with these changes laid over them. What Redis has is read once for all readers that are made together. */
export function overlaidUsage<Services extends UsageServices>(
  services: Services,
  changes: CounterChange[],
): { asIs: Services; changed: Services } {
  const asIs = readOnce(services)
  const gone = changes.filter(({ kind }) => kind === 'counted_anew').map(nameOf)
  const usage = services.usage
  const over: UsageServices['usage'] = {
    totals: (...asked) => usage.totals(...asked),
    hourTotals: (...asked) => usage.hourTotals(...asked),
    incomplete: (...asked) => usage.incomplete(...asked),
    spanTotals: (tenantId, spans, live) => {
      const customers = new Set(spans.map(({ customerId }) => customerId))
      const theirs = <One extends { customerId: string }>(all: One[]) =>
        all.filter(({ customerId }) => customers.has(customerId))
      const added = theirs(changes).flatMap((change) => liveOf(tenantId, change))
      return usage.spanTotals(tenantId, spans, [...live, ...added], theirs(gone))
    },
  }
  return { asIs, changed: { ...asIs, usage: over } }
}

/** The services as they would be with these counters, too, and this configuration, whatever the tenant's becomes meanwhile. */
export function countedUsage<Services extends UsageServices>(
  services: Services,
  config: TenantConfig,
  counted: Counter[],
): Services {
  const over = counted.map((counter): LiveCounter => ({ ...counter, segment: OVERLAY }))
  const { usage } = services
  const asOf = (history = false) => liveWith(over, history)
  return {
    ...services,
    configs: { load: async () => config, reload: async () => config, forget: () => {} },
    usage: {
      hourTotals: (...asked) => usage.hourTotals(...asked),
      incomplete: (...asked) => usage.incomplete(...asked),
      totals: (query, live) => usage.totals(query, [...live, ...asOf(query.history)]),
      spanTotals: (tenantId, spans, live, without) =>
        usage.spanTotals(tenantId, spans, [...live, ...asOf(spans[0]?.history)], without),
    },
  }
}

const nameOf = ({ customerId, meterId, hourMs, groups, distinctValue }: CounterChange) => ({
  customerId,
  meter: meterId,
  bucketMs: hourMs,
  groups,
  distinctValue,
})

function liveOf(tenantId: string, change: CounterChange): LiveCounter[] {
  const value = change.kind === 'added' ? change.added : change.after
  return value === null
    ? []
    : [{ segment: OVERLAY, tenantId, ...nameOf(change), merge: change.merge, ...value }]
}

/** Between two reads events come in: they are in both, or in none. */
export function readOnce<Services extends UsageServices>(services: Services): Services {
  const { counters } = services
  const read = new Map<string, ReturnType<typeof counters.readLive>>()
  const readLive: typeof counters.readLive = (tenantId, customerIds) => {
    const key = JSON.stringify([tenantId, customerIds])
    const found = read.get(key) ?? counters.readLive(tenantId, customerIds)
    read.set(key, found)
    return found
  }
  return { ...services, counters: { readLive } }
}
