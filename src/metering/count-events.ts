// What events add to which counters: pure, decided before any store is asked.

import { decimal, text } from '../kernel/decimal.ts'
import { digest128 } from '../kernel/digest.ts'
import { bucketStartMs } from '../kernel/time.ts'
import { type Counter, counterField, type Merge } from './counter.ts'
import type { Event, Wrong } from './event.ts'
import { passes } from './filter.ts'
import { HISTORY, historyOf } from './history.ts'
import { GROUP_VALUES_BYTES } from './limits.ts'
import { lineOf, listField, listOf, noLists } from './logged.ts'
import { type Aggregation, activeMeters, dedupeWindowMs, type Meter, type TenantConfig } from './meter.ts'
import type { CountedEvent, RecordBatch } from './ports.ts'
import { LOST_DIGITS, lostDigits, property, propertyPointer } from './property.ts'
import { quantityText } from './quantity.ts'
import { isReadAt } from './revision.ts'

/** How the counters of an aggregation merge, and what one event adds: `value` is a decimal, or for unique_count any text. */
const contributions: Record<
  Aggregation,
  { merge: Merge; delta: (value: string, event: Event, bucketMs: number) => { a: string; b: string } }
> = {
  // Their number is not part of the sum, but of what some prices cost: so much an event.
  sum: { merge: 'add', delta: (value) => ({ a: value, b: '1' }) },
  count: { merge: 'add', delta: () => ({ a: '1', b: '0' }) },
  min: { merge: 'min', delta: (value) => ({ a: value, b: '0' }) },
  max: { merge: 'max', delta: (value) => ({ a: value, b: '0' }) },
  latest: { merge: 'latest', delta: (value, event) => ({ a: value, b: String(event.timestampMs) }) },
  unique_count: { merge: 'once', delta: () => ({ a: '1', b: '0' }) },
  avg: { merge: 'add', delta: (value) => ({ a: value, b: '1' }) },
  // The change, and the change times its milliseconds into the bucket: with these the level's integral over any period is exact.
  weighted_sum: {
    merge: 'add',
    delta: (value, event, bucketMs) => ({
      a: value,
      b: text(decimal(value).times(String(event.timestampMs - bucketMs))),
    }),
  },
}

/** How the counters of an aggregation merge. */
export const mergeOf = (aggregation: Aggregation): Merge => contributions[aggregation].merge

/** Resource types of a configuration whose lists are kept ready: of unmetered ones there may be any number. */
const TYPES_KEPT = 1_000

/** `meter`: its id, or what its history is named by. */
export type Delta = { field: string; meter: string; merge: Merge; a: string; b: string }

/** `skipped`: the keys of the meters that leave the event out for what it lacks. */
export type Counted = { deltas: Delta[]; skipped: readonly string[] }
const NONE: readonly string[] = []

/**
 * What one event adds to each of these meters, or what is wrong with it for one of them. It may add nothing to any: its id
 * counts as used all the same.
 */
export function deltasOf(
  event: Event,
  active: Meter[],
  config: TenantConfig,
  pointer: string,
): Counted | Wrong[] {
  const read = active.some(isRevised) ? active.filter((one) => isReadAt(one, event.timestampMs)) : active
  const meters = read.some(chooses) ? chosen(read, event, pointer) : read
  if (isWrong(meters)) return meters
  const wrong: Wrong[] = []
  let skipped = NONE
  const onlyUp = event.quantity.startsWith('-') && meters.find(takesOnlyUp)
  if (onlyUp) return [{ pointer: `${pointer}/quantity`, detail: notBelowZero(onlyUp) }]
  const deltas: Delta[] = []
  const bucketMs = bucketStartMs(config.timezone, event.timestampMs)
  for (const meter of meters) {
    const value = valueFor(meter, event, pointer)
    if (value === null) {
      skipped = [...skipped, meter.key]
      continue
    }
    const groups = groupsFor(meter, event, pointer)
    if (typeof value !== 'string') wrong.push(value)
    else if (typeof groups !== 'string') wrong.push(groups)
    else deltas.push(deltaOf(meter, event, { tenantId: config.tenantId, bucketMs, value, groups }))
  }
  if (wrong.length > 0) return wrong
  // What nobody reads at this hour counts as if it came from the log: it takes what it can, and refuses nothing.
  if (read !== active) deltas.push(...besides(active, event, config))
  return { deltas, skipped }
}

const isRevised = ({ revision }: Meter): boolean => revision !== null

const besides = (active: Meter[], event: Event, config: TenantConfig): Delta[] =>
  active
    .filter((one) => !isReadAt(one, event.timestampMs))
    .flatMap((one) => deltaTo(one, event, config) ?? [])

type Place = { tenantId: string; bucketMs: number; value: string; groups: string }

function deltaOf(meter: Meter, event: Event, { tenantId, bucketMs, value, groups }: Place): Delta {
  const { merge, delta } = contributions[meter.aggregation]
  const id = event.history ? historyOf(meter.id) : meter.id
  const counter: Omit<Counter, 'a' | 'b'> = {
    tenantId,
    customerId: event.customerId,
    meter: id,
    bucketMs,
    merge,
    groups,
    distinctValue: merge === 'once' ? digest128(value) : '',
  }
  return { field: counterField(counter), meter: id, merge, ...delta(value, event, bucketMs) }
}

/**
 * What an event that was accepted before adds to a meter that came later. null: the meter leaves it out, or would have had it
 * refused, and it was accepted when nothing stood against that.
 */
export function deltaTo(meter: Meter, event: Event, config: TenantConfig): Delta | null {
  const taken = taking(meter, event)
  if (taken === null) return null
  const bucketMs = bucketStartMs(config.timezone, event.timestampMs)
  return deltaOf(meter, event, { tenantId: config.tenantId, bucketMs, ...taken })
}

/**
 * What one meter took of an event: the value, as a decimal or for unique_count as it is told apart, and the values of what it
 * groups by. null: it left the event out.
 */
export function takenBy(meter: Meter, event: Event): { value: string; groups: (string | null)[] } | null {
  const taken = taking(meter, event)
  return taken && { value: taken.value, groups: JSON.parse(taken.groups) as (string | null)[] }
}

function taking(meter: Meter, event: Event): { value: string; groups: string } | null {
  if (isBefore(meter, event) || isGivenUp(meter, event) || passes(meter.filter, event.properties) !== true)
    return null
  if (event.quantity.startsWith('-') && takesOnlyUp(meter)) return null
  const value = valueFor(meter, event, '#')
  const groups = groupsFor(meter, event, '#')
  return typeof value === 'string' && typeof groups === 'string' ? { value, groups } : null
}

const takesOnlyUp = ({ aggregation, value }: Meter): boolean =>
  aggregation !== 'weighted_sum' && (value === 'quantity' || aggregation === 'count')

const isBefore = ({ countsFromMs }: Meter, { timestampMs }: Event): boolean =>
  countsFromMs !== null && timestampMs < countsFromMs

/** Hours from then on are read from what replaced it, and by everybody. */
const isGivenUp = ({ revision }: Meter, { timestampMs }: Event): boolean =>
  revision?.isRetired === true && timestampMs >= (revision.toMs ?? Number.POSITIVE_INFINITY)

const chooses = ({ filter, countsFromMs }: Meter): boolean => filter.length > 0 || countsFromMs !== null

/** Those that count events of its time, and whose filter it passes. */
function chosen(meters: Meter[], event: Event, pointer: string): Meter[] | Wrong[] {
  const { properties } = event
  const wrong: Wrong[] = []
  const counting = meters.filter((meter) => {
    if (isBefore(meter, event)) return false
    const verdict = passes(meter.filter, properties)
    if (typeof verdict === 'boolean') return verdict
    wrong.push({ pointer: placeOf(verdict.lostDigits, properties, pointer), detail: LOST_DIGITS })
    return false
  })
  return wrong.length > 0 ? wrong : counting
}

const isWrong = (list: Meter[] | Wrong[]): list is Wrong[] => list.length > 0 && 'pointer' in list[0]!

const placeOf = (written: string, properties: Event['properties'], pointer: string): string =>
  `${pointer}/properties${propertyPointer(properties, written)}`

/** null: the event has none, and the meter leaves it out. */
function valueFor(meter: Meter, event: Event, pointer: string): string | Wrong | null {
  if (meter.aggregation === 'count') return '1'
  if (meter.value === 'quantity') return event.quantity
  const sent = property(event.properties, meter.value)
  const absent = sent === undefined || sent === null
  if (absent && meter.missing === 'skip') return null
  const at = () => placeOf(meter.value, event.properties, pointer)
  if (absent) return { pointer: at(), detail: `is required: the meter ${meter.key} aggregates it` }
  if (meter.aggregation === 'unique_count') {
    if (lostDigits(sent)) return { pointer: at(), detail: LOST_DIGITS }
    return typeof sent === 'object'
      ? {
          pointer: at(),
          detail: `must be a string, a number or a boolean: the meter ${meter.key} counts its values`,
        }
      : String(sent)
  }
  const quantity = quantityText(sent)
  if ('wrong' in quantity)
    return { pointer: at(), detail: `${quantity.wrong} (the meter ${meter.key} aggregates it)` }
  if (quantity.ok.startsWith('-') && meter.aggregation !== 'weighted_sum') {
    return {
      pointer: at(),
      detail: notBelowZero(meter),
    }
  }
  return quantity.ok
}

const notBelowZero = (meter: Meter): string =>
  `must not be below 0: the meter ${meter.key} is a ${meter.aggregation}, only weighted_sum takes negative changes`

function groupsFor(meter: Meter, event: Event, pointer: string): string | Wrong {
  if (meter.groupBy.length === 0) return '[]'
  const values: (string | null)[] = []
  for (const name of meter.groupBy) {
    const sent = property(event.properties, name)
    if (typeof sent === 'object' && sent !== null) {
      return {
        pointer: placeOf(name, event.properties, pointer),
        detail: `must be a string, a number or a boolean: the meter ${meter.key} groups by it`,
      }
    }
    if (lostDigits(sent)) return { pointer: placeOf(name, event.properties, pointer), detail: LOST_DIGITS }
    values.push(sent === undefined || sent === null ? null : String(sent))
  }
  const groups = JSON.stringify(values)
  if (
    groups.length > GROUP_VALUES_BYTES / 3 &&
    new TextEncoder().encode(groups).length > GROUP_VALUES_BYTES
  ) {
    return {
      pointer: `${pointer}/properties`,
      detail: `has group values of more than ${GROUP_VALUES_BYTES} bytes for the meter ${meter.key}`,
    }
  }
  return groups
}

/** The batch as the counter store takes it: each counter named once, and the events pointing at them. `logged`: with the log. */
export function batchOf(
  events: { event: Event; deltas: Delta[] }[],
  config: TenantConfig,
  { handling, logged }: { handling: RecordBatch['handling']; logged: boolean },
): RecordBatch {
  const positions = new Map<string, number>()
  const meterPositions = new Map<string, number>()
  const counters: RecordBatch['counters'] = []
  const inBatch = ({ field, meter, merge, a, b }: Delta) => {
    let counter = positions.get(field)
    if (counter === undefined) {
      if (!meterPositions.has(meter)) meterPositions.set(meter, meterPositions.size)
      counter = counters.push({ field, merge, meter: meterPositions.get(meter)! }) - 1
      positions.set(field, counter)
    }
    return { counter, a, b }
  }
  const counted: CountedEvent[] = events.map(({ event, deltas }) => ({
    customerId: event.customerId,
    idDigest: digest128(event.id),
    fingerprint: digest128(event.content),
    line: logged ? lineOf(event) : '',
    deltas: deltas.map(inBatch),
  }))
  return {
    tenantId: config.tenantId,
    configVersion: config.version,
    dedupeWindowMs: dedupeWindowMs(config),
    handling,
    meters: [...meterPositions.keys()],
    counters,
    log: logged ? logOf(events, config) : null,
    events: counted,
  }
}

type OfType = { list: string[]; field: string }
const listsOf = new WeakMap<TenantConfig, Map<string, OfType>>()

/** The lists of these events, which are all history, or none is. Each is made once a configuration and type. */
function logOf(events: { event: Event }[], config: TenantConfig): NonNullable<RecordBatch['log']> {
  const history = events[0]?.event.history ? HISTORY : ''
  let known = listsOf.get(config)
  if (known === undefined) {
    known = new Map()
    listsOf.set(config, known)
  }
  const lists = noLists()
  const fields: string[] = []
  for (const { event } of events) {
    const { resourceType } = event
    if (lists[resourceType] !== undefined) continue
    const key = history + resourceType
    let ofType = known.get(key)
    if (ofType === undefined) {
      const list = [...listOf(activeMeters(config, resourceType)), ...(history === '' ? [] : [history])]
      ofType = { list, field: listField(config.tenantId, resourceType, list) }
      if (known.size < TYPES_KEPT) known.set(key, ofType)
    }
    lists[resourceType] = ofType.list
    fields.push(ofType.field)
  }
  return { lists, fields }
}
