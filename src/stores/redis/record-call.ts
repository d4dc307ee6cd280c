// Batches as the arguments of one call of the record script, and the script's reply as an outcome for each.

import { LOG_METER, type Merge, tallyField } from '../../metering/counter.ts'
import type { Limits } from '../../metering/limits.ts'
import { noLists } from '../../metering/logged.ts'
import { placementText } from '../../metering/placement/placement.ts'
import type { PlacedBatch, PlacedOutcome } from '../../metering/placement/record-placed.ts'
import type { CountedEvent, RecordBatch, Verdict } from '../../metering/ports.ts'
import type { Answered } from './answered.ts'
import type { Reply } from './connection.ts'
import { recordHeader } from './scripts/record-header.ts'

const MERGE_LETTERS: Record<Merge, string> = { add: 'a', min: 'n', max: 'x', latest: 'l', once: 'o' }
const VERDICTS: Record<string, Verdict> = {
  n: 'accepted',
  d: 'duplicate',
  c: 'conflict',
  r: 'out_of_range',
}
const HANDLING_LETTERS: Record<RecordBatch['handling'], string> = { strict: 's', lenient: 'l' }

/** What goes out in one call: meters and counters named once, and the events of every batch, in order. */
export type RecordCall = Pick<
  PlacedBatch,
  'tenantId' | 'configVersion' | 'dedupeWindowMs' | 'meters' | 'counters' | 'log' | 'events' | 'at'
> & {
  groups: Pick<RecordBatch, 'handling' | 'events'>[]
}

/** `batches`: of one tenant, configuration and place. */
export function recordCall(batches: PlacedBatch[]): RecordCall {
  const [first] = batches as [PlacedBatch]
  if (batches.length === 1) return { ...first, groups: batches }
  const meters = new Map<string, number>()
  const positions = new Map<string, number>()
  const counters: RecordBatch['counters'] = []
  const position = (batch: RecordBatch, index: number): number => {
    const { field, merge, meter } = batch.counters[index]!
    const known = positions.get(field)
    if (known !== undefined) return known
    const id = batch.meters[meter]!
    if (!meters.has(id)) meters.set(id, meters.size)
    positions.set(field, counters.length)
    return counters.push({ field, merge, meter: meters.get(id)! }) - 1
  }
  const events = batches.flatMap((batch) =>
    batch.events.map(
      ({ deltas, ...event }): CountedEvent => ({
        ...event,
        deltas: deltas.map(({ counter, a, b }) => ({ counter: position(batch, counter), a, b })),
      }),
    ),
  )
  const { tenantId, configVersion, dedupeWindowMs, at } = first
  const log = first.log && joinedLog(batches)
  return {
    ...{ tenantId, configVersion, dedupeWindowMs, at },
    meters: [...meters.keys()],
    ...{ counters, log, events },
    groups: batches,
  }
}

/** Of one configuration, so that a type has one list, and one counter, whichever batch it is in. */
function joinedLog(batches: RecordBatch[]): NonNullable<RecordBatch['log']> {
  const fields = new Set(batches.flatMap(({ log }) => log!.fields))
  return { lists: Object.assign(noLists(), ...batches.map(({ log }) => log!.lists)), fields: [...fields] }
}

/** The log comes last. */
const metersOf = ({ meters, log }: RecordCall): string[] => (log === null ? meters : [...meters, LOG_METER])

/** As scripts/record.ts takes them. */
export function recordArguments(
  call: RecordCall,
  limits: Limits,
  partitions: number,
  answered: Answered,
): string[] {
  const { tenantId, configVersion, dedupeWindowMs, counters, log, events, groups } = call
  const { placement } = call.at
  const meters = metersOf(call)
  const ofLists = log === null ? [] : log.fields
  const merges = counters.map((counter) => MERGE_LETTERS[counter.merge])
  const header: Record<(typeof recordHeader)[number], string> = {
    tenant: tenantId,
    version: String(configVersion),
    partitions: String(partitions),
    placement_version: String(placement.version),
    placement_nonce: placement.nonce,
    placement: placement.version === 0 ? '' : placementText(placement),
    groups: groups.map((group) => HANDLING_LETTERS[group.handling] + group.events.length).join(','),
    nonce: crypto.randomUUID().slice(0, 8),
    slot: answered.slot,
    segment_max_age_ms: orEndless(limits.segmentMaxAgeMs),
    segment_max_counters: String(limits.segmentMaxCounters),
    segment_max_bytes: String(limits.segmentMaxBytes),
    backlog_max_counters: String(limits.backlogMaxCounters),
    backlog_max_counters_of_tenant: String(limits.backlogMaxCountersPerTenant),
    backlog_max_log_bytes: String(limits.backlogMaxLogBytes),
    backlog_max_log_bytes_of_tenant: String(limits.backlogMaxLogBytesPerTenant),
    dedupe_window_ms: orEndless(dedupeWindowMs ?? limits.dedupeWindowMs),
    dedupe_layout: limits.dedupeLayout.kind,
    dedupe_layout_ids: orEndless(limits.dedupeLayout.ids),
    meters: String(meters.length),
    merges: [...merges, ...ofLists.map(() => MERGE_LETTERS.once)].join(''),
    meter_of: counters.map((counter) => counter.meter + 1).join(','),
    lists: log === null ? '' : JSON.stringify(log.lists),
    list_counters: String(ofLists.length),
  }
  const args: string[] = recordHeader.map((name) => header[name])
  for (const meter of meters) args.push(meter, answered.of(call.at.partition, tenantId, meter))
  for (const meter of meters) args.push(tallyField(tenantId, meter, answered.slot))
  for (const counter of counters) args.push(counter.field)
  args.push(...ofLists)
  for (const event of events) {
    args.push(event.idDigest, event.fingerprint, event.line, String(event.deltas.length))
    for (const delta of event.deltas) args.push(String(delta.counter + 1), delta.a, delta.b)
  }
  return args
}

/** An outcome for each batch of the call, in order. */
export function recordOutcomes(
  reply: Reply,
  call: RecordCall,
  answered: Answered,
): PlacedOutcome[] | { wrongPartitions: string } {
  const { tenantId, groups } = call
  const meters = metersOf(call)
  const [kind, detail, third = []] = reply as [string, string, (string[] | 'counters' | 'log')?]
  switch (kind) {
    case 'done':
      for (const [i, account] of (third as string[]).entries())
        answered.add(call.at.partition, tenantId, meters[i]!, account)
      return detail.split(',').map(outcomeOf)
    case 'stale':
      return groups.map(() => ({ kind: 'stale_config', version: Number(detail) }))
    case 'moved':
      return groups.map(() => ({ kind: 'moved', known: detail }))
    case 'backlog':
      return groups.map(() => ({
        kind: 'backlog_full',
        scope: detail as 'tenant' | 'partition',
        of: third as 'counters' | 'log',
      }))
    default:
      return { wrongPartitions: detail }
  }
}

const outcomeOf = (letters: string): PlacedOutcome => ({
  kind: letters[0] === 'x' ? 'refused' : 'recorded',
  verdicts: [...letters.slice(1)].map(verdictOf),
})

export const verdictOf = (letter: string): Verdict => VERDICTS[letter]!

/** As a script takes a number that may be infinite; as milliseconds that is 285,000 years. */
export const orEndless = (count: number): string =>
  Number.isFinite(count) ? String(count) : '9000000000000000'
