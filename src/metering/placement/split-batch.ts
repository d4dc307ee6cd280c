// A batch taken apart by where its events go, and what became of the parts put together again.

import type { RecordBatch, RecordOutcome, Verdict } from '../ports.ts'
import { homeOf, type Placement } from './placement.ts'

/** `events`: their places in the whole. */
export type Part = { home: number; events: number[]; batch: RecordBatch }

export function partsOf(batch: RecordBatch, placement: Placement): Part[] {
  const [only] = placement.home as [number]
  if (placement.home.length === 1)
    return [{ home: only, events: batch.events.map((_, event) => event), batch }]
  const byHome = Map.groupBy(batch.events.keys(), (event) =>
    homeOf(placement, batch.events[event]!.customerId),
  )
  return [...byHome].map(([home, events]) => ({ home, events, batch: partOf(batch, events) }))
}

/**
 * The batch with these of its events, and the counters and meters that they touch. It names the lists of all: one that no event of
 * the part is of says less of what was counted than could be said, until the segment is settled.
 */
export function partOf(batch: RecordBatch, events: number[]): RecordBatch {
  if (events.length === batch.events.length) return batch
  const meters = new Map<number, number>()
  const counters = new Map<number, number>()
  const placeIn = (places: Map<number, number>, of: number): number => {
    if (!places.has(of)) places.set(of, places.size)
    return places.get(of)!
  }
  const taken = events.map((event) => {
    const one = batch.events[event]!
    return {
      ...one,
      deltas: one.deltas.map((delta) => ({ ...delta, counter: placeIn(counters, delta.counter) })),
    }
  })
  return {
    ...batch,
    events: taken,
    counters: [...counters.keys()].map((of) => {
      const counter = batch.counters[of]!
      return { ...counter, meter: placeIn(meters, counter.meter) }
    }),
    meters: [...meters.keys()].map((of) => batch.meters[of]!),
  }
}

export type Outcomes = { events: number[]; outcome: RecordOutcome }[]

/** Whatever one part still wants is wanted of the whole: what the others have counted is a duplicate then. */
export function wholeOutcome(parts: Outcomes, events: number): RecordOutcome {
  if (parts.length === 1 && parts[0]!.events.length === events) return parts[0]!.outcome
  const unfinished = parts.find(({ outcome }) => !('verdicts' in outcome))
  if (unfinished) return unfinished.outcome
  const verdicts: Verdict[] = []
  let kind: 'recorded' | 'refused' = 'recorded'
  for (const { events, outcome } of parts) {
    if (!('verdicts' in outcome)) continue
    if (outcome.kind === 'refused') kind = 'refused'
    for (const [i, event] of events.entries()) verdicts[event] = outcome.verdicts[i]!
  }
  return { kind, verdicts }
}
