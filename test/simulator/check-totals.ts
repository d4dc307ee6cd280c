// Whether what a read shows can be true: its digits say how often each event is in it, and every other meter has to show
// exactly the same events.

import { countsOf, expectedOf } from './expected.ts'
import { label, type SimEvent } from './oracle.ts'
import { digitsMeter, kinds, metersOf, periodOfTenant, reachesBack } from './plan.ts'
import type { Tenant } from './stage.ts'
import { laws, Violation } from './violation.ts'
import type { Extra, World } from './world.ts'

/** How often each event of a customer must be in a read that begins now. */
export type Owed = { counts: Map<SimEvent, number>; gaps: number; at: number; history: boolean }

export function owedNow(world: World, tenant: Tenant, customer: string, history = false): Owed {
  const owed: Owed = { counts: new Map(), gaps: world.gaps, at: world.oracle.now++, history }
  if (world.lacks(tenant.number)) return owed
  for (const kind of kinds) {
    for (const event of world.oracle.eventsOf(tenant.number, customer, kind))
      owed.counts.set(event, world.oracle.boundsWith(event, history).min)
  }
  return owed
}

/** `filled`: no meter that reaches back owes anything. */
type Question = { tenant: Tenant; customer: string; owed: Owed; reader: string; filled?: boolean }

/** `shown`: quantities by meter, in units of 10^-12. `only`: the read was of this one meter. */
export function checkTotals(
  world: World,
  { tenant, customer, owed, reader, filled = false }: Question,
  shown: Map<string, bigint>,
  only: string | null = null,
): void {
  const at = `${reader} of tenant ${tenant.number}, ${customer}`
  const made = metersOf(world.setup)
  for (const kind of kinds) {
    if (only !== null && only !== digitsMeter[kind]) continue
    const events = world.oracle.eventsOf(tenant.number, customer, kind)
    const { counts, rest } = countsOf(shown.get(digitsMeter[kind]) ?? 0n)
    for (const [digit, count] of counts.entries()) {
      const event = events[digit]
      if (event)
        checkCount(world, event, count, {
          owed: owedOf(world, owed, event),
          ...{ history: owed.history, at },
        })
      else if (count > 0)
        throw new Violation(laws.isolation, `${at}: ${digitsMeter[kind]} shows what nobody sent`)
    }
    if (rest !== 0n)
      throw new Violation(laws.merges, `${at}: ${digitsMeter[kind]} has a remainder of ${rest}`)
    if (only !== null) continue
    const counted = events.flatMap((event, i) => Array<SimEvent>(counts[i]!).fill(event))
    const expected = expectedOf(kind, counted, periodOfTenant(tenant.timezone))
    for (const meter of made) {
      if (meter.resourceType !== kind || meter.key === digitsMeter[kind]) continue
      // What shows nothing is 0.
      const [got, quantity] = [shown.get(meter.key) ?? 0n, expected.get(meter.key) ?? 0n]
      if (got !== quantity)
        throw new Violation(
          laws.merges,
          `${at}: ${meter.key} shows ${got}e-12, but its events make ${quantity}e-12`,
        )
    }
    if (kind === 'call') checkExtras(world, { tenant, events, begunAt: owed.at, filled }, counts, shown, at)
  }
}

/** While Postgres lacks what it had, a read may lack it too. */
const owedOf = (world: World, { counts, gaps }: Owed, event: SimEvent): number =>
  gaps === world.gaps ? (counts.get(event) ?? 0) : 0

function checkCount(
  world: World,
  event: SimEvent,
  count: number,
  { owed, history, at }: { owed: number; history: boolean; at: string },
): void {
  const { min, max } = world.oracle.boundsWith(event, history)
  const must = Math.min(owed, min)
  if (count < must)
    throw new Violation(laws.nothingLost, `${at}: ${label(event)} counts ${count} times, not ${must}`)
  if (count > max)
    throw new Violation(laws.once, `${at}: ${label(event)} counts ${count} times; at most ${max} can be`)
}

/** Of all contents of one id, one counts. `countOf`: how often each event does, at the end. */
export function checkIdentities(world: World, countOf: (event: SimEvent) => number): void {
  for (const { variants, surplus, id } of world.oracle.identities.values()) {
    if (variants.length === 1) continue
    const count = variants.reduce((sum, event) => sum + countOf(event), 0)
    if (count > 1 + surplus)
      throw new Violation(laws.conflict, `of the ${variants.length} contents of ${id} ${count} are counted`)
  }
}

type Read = { tenant: Tenant; events: SimEvent[]; begunAt: number; filled: boolean }

/**
 * A change of meters holds from its answer on. After Redis has gone back in time an isolate may use its cache for 30 seconds. One
 * that is archived while it is filled has a part, and may have a correction of what it did not get to.
 */
function checkExtras(
  world: World,
  { tenant, events, begunAt, filled }: Read,
  counts: number[],
  shown: Map<string, bigint>,
  at: string,
): void {
  for (const extra of world.extras) {
    if (extra.tenant !== tenant.number) continue
    // While it is being filled, what was voided may be taken off before it was added.
    if (reachesBack(extra.n) && !filled) continue
    const has = countsOf(shown.get(`extra_${extra.n}`) ?? 0n).counts
    for (const [i, event] of events.entries()) {
      if (reachesBack(extra.n) && extra.archiveBegunAt !== null && event.id.corrected) continue
      const [count, total] = [has[i]!, counts[i]!]
      const isLoose = world.oracle.rollbacks + world.postgresRestores > 0
      const due = reachesBack(extra.n)
        ? isFilled(world, extra, event)
        : isLoose
          ? null
          : isDue(extra, event, begunAt)
      const wrong = count > total || (due === true && count !== total) || (due === false && count !== 0)
      if (wrong) {
        throw new Violation(
          laws.config,
          `${at}: extra_${extra.n} has ${label(event)} ${count} times, and ${digitsMeter.call} ${total} times`,
        )
      }
    }
  }
}

/** It holds all, but what was erased before it was made. null: perhaps it was, or the meter is archived. */
const isFilled = (world: World, { createdAt, archiveBegunAt }: Extra, event: SimEvent): true | null =>
  createdAt !== null && archiveBegunAt === null && !world.erasures.concern(event, createdAt) ? true : null

/** null: the event and the change were under way at the same time. */
function isDue(extra: Extra, { firstSentAt, firstAckedAt }: SimEvent, readBegunAt: number): boolean | null {
  const { createBegunAt, createdAt, archiveBegunAt, archivedAt } = extra
  if (firstAckedAt !== null && firstAckedAt < createBegunAt) return false
  if (archivedAt !== null && firstSentAt > archivedAt) return false
  // A read that begins before the meter is made needs not know it.
  const created = createdAt !== null && firstSentAt > createdAt && createdAt < readBegunAt
  const notArchived = archiveBegunAt === null || (firstAckedAt !== null && firstAckedAt < archiveBegunAt)
  return created && notArchived ? true : null
}
