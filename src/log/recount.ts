// Counting rows anew from the log: what does not add (min, max, latest, unique_count) can't have an event taken off. A row's
// mark is read with the list of blocks, before the blocks: who writes the row looks whether the mark is the same.

import { TollgateError } from '../kernel/errors.ts'
import { rfc3339 } from '../kernel/time.ts'
import { deltaTo } from '../metering/count-events.ts'
import { meterOf } from '../metering/history.ts'
import { hoursGone } from '../metering/hours-gone.ts'
import { LOG_SINCE_SLACK_MS } from '../metering/limits.ts'
import { type Merging, mergeInto } from '../metering/merge-counters.ts'
import { type Act, type Correction, stateOf } from './act.ts'
import { type ActServices, actsOn, blocksOf } from './act-blocks.ts'
import { countedBy, placeOf, tooMuch } from './act-changes.ts'
import type { Ground, MarkedRow } from './act-ports.ts'
import type { Amounts, CounterChange, CounterPlace } from './effect.ts'
import { asEvent } from './entry.ts'
import { RECOUNT_BLOCKS } from './limits.ts'

type Wanted = {
  ground: Ground
  /** the act that is being computed */
  act: Correction & { kind: Act['kind']; blocks: ReadonlySet<string> }
  /** the counters' names */
  fields: string[]
}

/** The rows that become others, and their marks. null: the ledger moved meanwhile. Throws before_the_log, hours_gone and events_erased. */
export async function recount(
  services: ActServices,
  tenantId: string,
  { ground, act, fields }: Wanted,
): Promise<{ changes: CounterChange[]; marked: MarkedRow[] } | null> {
  if (fields.length === 0) return { changes: [], marked: [] }
  const places = fields.map(placeOf)
  refuseBefore(ground, places)
  const { rows, blocks: listed } = await services.corrections.mark(tenantId, places, RECOUNT_BLOCKS + 1)
  const names = new Set([...listed.map(({ name }) => name), ...act.blocks])
  if (names.size > RECOUNT_BLOCKS)
    throw tooMuch(`values that are counted anew from more than ${RECOUNT_BLOCKS} blocks of the log`)
  const now = await services.corrections.ground(tenantId, [...names])
  if (now.ledger !== ground.ledger) return null
  // Blocks that were taken out for their age in between are not among those that were listed.
  refuseBefore(now, places)
  const anew = await counted(services, now, act, new Set(fields))
  const changed = rows.flatMap((row, i) => {
    const after = anew.get(fields[i]!) ?? null
    return sameAmounts(row.amounts, after) ? [] : [{ row, after }]
  })
  return {
    changes: changed.map(({ row: { mark: _, amounts, ...place }, after }) => ({
      ...place,
      kind: 'counted_anew',
      before: amounts,
      after: after && { a: after.a, b: after.b },
    })),
    marked: changed.map(({ row }) => row),
  }
}

async function counted(
  { blocks: store }: ActServices,
  ground: Ground,
  act: Wanted['act'],
  fields: ReadonlySet<string>,
): Promise<Merging> {
  const places = [...fields].map(placeOf)
  const meters = new Set(places.map(({ meterId }) => meterOf(meterId)))
  const customers = new Set(places.map(({ customerId }) => customerId))
  const { config, acts, blocks } = ground
  const metersOf = countedBy(ground)
  const next: Act = { ...act, number: Number.MAX_SAFE_INTEGER, atMs: 0 }
  const merging: Merging = new Map()
  for await (const [block, { entries, erased }] of blocksOf(store, blocks)) {
    const here = actsOn(block.name, [...acts, next])
    // Of whom they were sent for, and what was moved from there counts for another by now.
    const hasMoved = here.some(({ set }) => set.customerId !== undefined && customers.has(set.customerId))
    const gone = erased.find(({ customerId }) => hasMoved || customers.has(customerId))
    if (gone) throw eventsErased(gone.customerId)
    for (const entry of entries) {
      const state = here.length === 0 ? entry : stateOf(entry, block.name, here)
      if (state === null || !customers.has(state.customerId)) continue
      for (const meter of metersOf(entry, block)) {
        const delta = meters.has(meter.id) ? deltaTo(meter, asEvent(state), config) : null
        if (delta !== null && fields.has(delta.field)) mergeInto(merging, delta.field, delta)
      }
    }
  }
  return merging
}

function refuseBefore(ground: Ground, places: CounterPlace[]): void {
  const { hoursFromMs } = ground
  for (const { hourMs } of places) {
    if (hourMs < completeFrom(ground)) throw beforeTheLog(hourMs)
    if (hoursFromMs !== null && hourMs < hoursFromMs) throw hoursGone(rfc3339(hoursFromMs))
  }
}

/** What arrived before the log began may have happened some minutes later by its own clock. */
const completeFrom = ({ logSinceMs }: Ground): number =>
  logSinceMs === null ? Number.POSITIVE_INFINITY : logSinceMs + LOG_SINCE_SLACK_MS

/** The amounts of two rows, as decimals in the one form that both have. */
const sameAmounts = (one: Amounts | null, other: Amounts | null): boolean =>
  one === null || other === null ? one === other : one.a === other.a && one.b === other.b

const beforeTheLog = (hourMs: number): TollgateError =>
  new TollgateError(
    'before_the_log',
    `The correction changes values of the hour from ${rfc3339(hourMs)} that have to be counted anew, and the log does not have all events of that hour.`,
  )

const eventsErased = (customerId: string): TollgateError =>
  new TollgateError(
    'events_erased',
    `The correction changes values that have to be counted anew, and events of the customer ${JSON.stringify(customerId)} were erased from the log.`,
  )
