// Whether what a revised meter shows can be true: in each span between instants that revisions begin at, just the events that are
// counted there, as the piece that the span lies in has it.

import { text } from '../../src/kernel/decimal.ts'
import type { UsageQuantity } from '../../src/metering/read-usage.ts'
import { countsOf, unitsOf } from './expected.ts'
import type { SimEvent } from './oracle.ts'
import { digitsMeter, periodOfTenant } from './plan.ts'
import { definitions, type Piece, type RevisedKey } from './revisions.ts'
import type { Tenant } from './stage.ts'
import { laws, Violation } from './violation.ts'
import type { World } from './world.ts'

/** What one read asks: all meters, in the spans between these. */
export function boundariesOf(world: World, tenant: Tenant, key: RevisedKey): number[] {
  const [fromMs, toMs] = periodOfTenant(tenant.timezone)
  const between = world.revisions.instantsOf(tenant.number, key).filter((ms) => ms > fromMs && ms < toMs)
  return [fromMs, ...between, toMs]
}

type Question = { tenant: Tenant; customer: string; key: RevisedKey; boundariesMs: number[]; reader: string }

/** `isWhole`: nothing was lost on the way; else it may have less than the other meters. */
export function checkRevised(
  world: World,
  { tenant, customer, key, boundariesMs, reader }: Question,
  quantities: UsageQuantity[],
  { versions, isWhole }: { versions: Piece[][]; isWhole: boolean },
): void {
  const events = world.oracle.eventsOf(tenant.number, customer, 'gauge')
  const shown = (meter: string, window: number): bigint => {
    const found = quantities.find(
      (one) => one.customerId === customer && one.meter.key === meter && one.window === window,
    )
    return found ? unitsOf(text(found.quantity)) : 0n
  }
  const wrong = (pieces: Piece[]): string | null => {
    for (let window = 0; window < boundariesMs.length - 1; window++) {
      const startMs = boundariesMs[window]!
      const piece = pieces.findLast(({ fromMs }) => fromMs <= startMs)!
      const { counts } = countsOf(shown(digitsMeter.gauge, window))
      const counted = events.flatMap((event, i) => Array<SimEvent>(counts[i]!).fill(event))
      const due = dueOf(key, counted.filter(definitions[piece.definition]!.counts))
      const got = shown(key, window)
      const isRight = isWhole ? got === due : isPart(key, got, due)
      if (!isRight) return `${got}e-12 from ${new Date(startMs).toISOString()} on, not ${due}e-12`
    }
    return null
  }
  const found = versions.map(wrong)
  if (found.length === 0 || found.includes(null)) return
  throw new Violation(
    laws.revised,
    `${reader} of tenant ${tenant.number}, ${customer}: ${key} shows ${found.join(', and: ')}`,
  )
}

const dueOf = (key: RevisedKey, events: SimEvent[]): bigint =>
  key === 'gauge_revised'
    ? events.reduce((sum, { quantity }) => sum + quantity, 0n)
    : events.reduce((max, { value }) => (value > max ? value : max), 0n)

function isPart(key: RevisedKey, got: bigint, due: bigint): boolean {
  if (key !== 'gauge_revised') return got <= due
  const [has, may] = [countsOf(got), countsOf(due)]
  return has.rest === 0n && has.counts.every((count, digit) => count <= may.counts[digit]!)
}
