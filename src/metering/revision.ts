// Where a meter's hours are read from. A revision counts under an id of its own, beside what it is to replace; once it has all,
// hours from its instant on are read from it, and earlier ones from where they were before. Pure.

import { GROUP_BY_PROPERTIES } from './limits.ts'
import type { Meter, TenantConfig } from './meter.ts'

/** Hours in [fromMs, toMs) are in this meter's counters; the ends may be infinite. */
export type Piece = { meter: Meter; fromMs: number; toMs: number }

const ofKeys = new WeakMap<TenantConfig, Map<string, Meter[]>>()

function replacedOf(config: TenantConfig, key: string): Meter[] {
  if (config.revisions.length === 0) return []
  let known = ofKeys.get(config)
  if (known === undefined) {
    const replaced = config.revisions.filter(({ revision }) => revision?.state === 'replaced')
    known = Map.groupBy(replaced, (meter) => meter.key)
    ofKeys.set(config, known)
  }
  return known.get(key) ?? []
}

/** All hours, in the order of time, none in two pieces; one piece for a meter that was never revised. `meter`: as it counts now. */
export function piecesOf(config: TenantConfig, meter: Meter): Piece[] {
  const all = [...replacedOf(config, meter.key), meter]
  return all
    .map(
      (one): Piece => ({
        meter: one,
        fromMs: one.revision?.fromMs ?? Number.NEGATIVE_INFINITY,
        toMs: one.revision?.toMs ?? Number.POSITIVE_INFINITY,
      }),
    )
    .filter(({ fromMs, toMs }) => fromMs < toMs)
    .sort((x, y) => x.fromMs - y.fromMs)
}

/** Which counters an hour is read from. */
export function meterOfHour(config: TenantConfig, meter: Meter, hourMs: number): Meter {
  if (meter.revision === null) return meter
  return piecesOf(config, meter).find(({ fromMs, toMs }) => fromMs <= hourMs && hourMs < toMs)?.meter ?? meter
}

/** All that something is read from. */
export const readMeters = (config: TenantConfig): Meter[] =>
  config.revisions.length === 0
    ? config.meters
    : config.meters.flatMap((meter) => piecesOf(config, meter).map((piece) => piece.meter))

/** Whether an event of then is read from this one: what it asks of an event has to hold then. */
export function isReadAt({ revision }: Meter, timestampMs: number): boolean {
  if (revision === null) return true
  const { state, fromMs, toMs } = revision
  return state !== 'filling' && fromMs <= timestampMs && (toMs === null || timestampMs < toMs)
}

/** Beyond all positions in a list of group values: there the value is absent. */
const NOWHERE = GROUP_BY_PROPERTIES

/** Where in the meter's group values a property is. What it did not keep apart yet is absent, as in an event without it. */
export function groupPosition(meter: Meter, property: string): number {
  const position = meter.groupBy.indexOf(property)
  return position < 0 ? NOWHERE : position
}
