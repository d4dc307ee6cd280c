// What became of an event: which meters took it, in which hour and group, and with what value.

import { bucketStartMs } from '../kernel/time.ts'
import { takenBy } from '../metering/count-events.ts'
import { HISTORY } from '../metering/history.ts'
import { countingMeters, type Meter, type TenantConfig } from '../metering/meter.ts'
import type { TenantConfigs } from '../metering/ports.ts'
import { meterOfHour } from '../metering/revision.ts'
import { asEvent, type LogEntry } from './entry.ts'

export type Counting = {
  meter: Meter
  /** what it added: a decimal; for unique_count the value that it is told apart by */
  value: string
  /** start of the hour that it counts in */
  hourMs: number
  /** by property; null where the event had none */
  group: Record<string, string | null>
}

/** `history`: whether it is counted as that, and billed by none. */
export type DescribedEvent = LogEntry & { countings: Counting[]; history: boolean }

/** By the events' lists: the meters that there were when they were recorded, archived since or not. */
export async function describeEvents(
  { configs }: { configs: TenantConfigs },
  tenant: TenantConfig,
  entries: LogEntry[],
): Promise<DescribedEvent[]> {
  const known = new Set(countingMeters(tenant).map(({ id }) => id))
  known.add(HISTORY)
  const isNew = entries.some(({ meters }) => meters.some((id) => !known.has(id)))
  const config = isNew ? await configs.reload(tenant.tenantId, 'unknown_resource_type') : tenant
  return entries.map((entry) => describeEvent(entry, config))
}

/** A meter that reaches back has counted it live, or counts it from the log. */
const counts = ({ id, resourceType, countsFromMs, archivedAt }: Meter, entry: LogEntry): boolean =>
  entry.meters.includes(id) ||
  (countsFromMs !== null && archivedAt === null && resourceType === entry.resourceType)

function describeEvent(entry: LogEntry, config: TenantConfig): DescribedEvent {
  const history = entry.meters.includes(HISTORY)
  if (entry.correction?.isVoided) return { ...entry, countings: [], history }
  const event = asEvent(entry)
  const hourMs = bucketStartMs(config.timezone, entry.timestampMs)
  const countings = config.meters.flatMap((current): Counting[] => {
    const meter = meterOfHour(config, current, hourMs)
    const taken = counts(meter, entry) ? takenBy(meter, event) : null
    if (taken === null) return []
    const group = Object.fromEntries(meter.groupBy.map((name, i) => [name, taken.groups[i] ?? null]))
    return [{ meter, value: taken.value, hourMs, group }]
  })
  return { ...entry, countings, history }
}
