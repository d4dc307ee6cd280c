// Actors: events come in, now and weeks late; the aggregator moves them to Postgres.

import fc from 'fast-check'
import { TollgateError } from '../../../../src/kernel/errors.ts'
import { flush as runFlush } from '../../../../src/metering/flush.ts'
import { recordUsage } from '../../../../src/metering/record-usage.ts'
import { unitsOf } from '../../expected.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { isStoreFailure, type Pace } from '../../stage.ts'
import { Violation } from '../../violation.ts'
import { readBooks } from '../books.ts'
import { laws } from '../laws.ts'
import type { SimEvent } from '../usage.ts'
import type { Batch, Year } from '../year.ts'
import { correctBatch } from './correct-batch.ts'

const HOUR_MS = 3_600_000
/** Events are taken for 35 days; a retry needs some hours more. */
const OLDEST_HOURS = 34 * 24
const changes = ['3', '-1', '12', '-12', '0.25', '100', '-100']

export const content = fc.record({
  gauge: fc.constantFrom(false, false, true),
  quantity: fc.constantFrom('0', '1', '3', '6.5', '40', '700.123456'),
  change: fc.constantFrom(...changes),
  v: fc.constantFrom('0', '0.5', '7', '33.333333'),
  user: fc.nat(3),
  model: fc.constantFrom('a', 'a', 'b', 'c', null),
})

const ago = fc.record({
  hoursAgo: fc.oneof(fc.constantFrom(0, 0, 0, 1, 5, 30, 100, 300), fc.integer({ min: 1, max: OLDEST_HOURS })),
})
/** Where what is billed is cut: at the ends of periods, and where the plan changes. */
const atCut = fc.record({
  cut: some,
  offsetMs: fc.constantFrom(0, 0, -1, 1_800_000, -1_800_000, HOUR_MS, -HOUR_MS, 40 * HOUR_MS, -40 * HOUR_MS),
})
type When = Drawn<typeof ago> | Drawn<typeof atCut>

const arbitrary = fc.record({
  isolate: some,
  /** null: of anybody, who may not have subscribed to anything */
  subscription: fc.option(some, { freq: 5 }),
  tenant: some,
  customer: some,
  events: fc.array(fc.record({ content, when: fc.oneof<fc.Arbitrary<When>[]>(ago, atCut) }), {
    minLength: 1,
    maxLength: 4,
    size: 'max',
  }),
  pace,
})

export const send: Operation<Drawn<typeof arbitrary>, Year> = {
  name: 'send',
  weight: 22,
  arbitrary,
  async run(year, { isolate, subscription, events, pace, ...drawn }) {
    const known = subscription === null ? null : year.subscription(subscription)
    const tenant = known?.tenant ?? year.tenant(drawn.tenant).number
    const customer = known?.customer ?? year.customer(drawn.customer)
    const cuts = await cutsOf(year, tenant, customer)
    const made = events.map(({ content, when }) =>
      newEvent(year, customer, content, instant(year, cuts, when)),
    )
    await sendNew(year, { isolate, tenant, customer, events: made, pace })
  },
}

/** Those of a customer that an event may still reach. */
async function cutsOf(year: Year, tenant: number, customer: string): Promise<number[]> {
  const mine = (one: { customerId: string }) => one.customerId === customer
  const { invoices, subscriptions } = await readBooks(year.postgres, year.tenants[tenant]!.id)
  const cuts = [
    ...invoices.filter(mine).flatMap(({ startMs, endMs }) => [startMs, endMs]),
    ...subscriptions.filter(mine).flatMap(({ phases }) => phases.map(({ fromMs }) => fromMs)),
  ]
  return [...new Set(cuts)].filter((ms) => oldestMs(year) < ms && ms < year.time.nowMs).sort((x, y) => x - y)
}

/** No event is older. */
export const oldestMs = ({ time }: Year): number => time.nowMs - OLDEST_HOURS * HOUR_MS

function instant(year: Year, cuts: number[], when: When): number {
  const { nowMs } = year.time
  if ('hoursAgo' in when) return nowMs - when.hoursAgo * HOUR_MS
  if (cuts.length === 0) return nowMs
  const atMs = cuts[when.cut % cuts.length]! + when.offsetMs
  return Math.min(Math.max(atMs, oldestMs(year)), nowMs)
}

type Sent = Pick<Batch, 'tenant' | 'customer' | 'events'> & { isolate: number; pace: Pace }

export async function sendNew(year: Year, { isolate, pace, ...sent }: Sent): Promise<void> {
  const batch: Batch = { ...sent, answered: false, firstSentMs: year.time.nowMs }
  year.batches.push(batch)
  await sendBatch(year, isolate, batch, pace)
}

/** A retry: what was not answered is sent again. */
export const retry: Operation<{ isolate: number; which: number; pace: Pace }, Year> = {
  name: 'retry',
  weight: 4,
  arbitrary: fc.record({ isolate: some, which: some, pace }),
  async run(year, { isolate, which, pace }) {
    const { unanswered } = year
    if (unanswered.length > 0) await sendBatch(year, isolate, unanswered[which % unanswered.length]!, pace)
  },
}

export function newEvent(year: Year, customer: string, drawn: Drawn<typeof content>, atMs: number): SimEvent {
  const n = ++year.events
  const kind = drawn.gauge ? 'gauge' : 'call'
  // No two events are alike, so that none can stand for another.
  const own = `0.${String(n).padStart(9, '0')}`
  const quantity = unitsOf(drawn.quantity) + unitsOf(own)
  const user = `u${drawn.user}`
  const { v, change, model } = drawn
  const sent = {
    id: `e${n}`,
    customer_id: customer,
    resource_type: kind,
    quantity: `${drawn.quantity.split('.')[0]}.${String(quantity % 10n ** 12n).padStart(12, '0')}`,
    timestamp: new Date(atMs).toISOString(),
    properties: { v, change, user, ...(model !== null && { model }) },
  }
  return {
    id: sent.id,
    customer,
    kind,
    atMs,
    sent,
    quantity,
    v: unitsOf(v),
    change: unitsOf(change),
    user,
    model,
  }
}

/** Once more, until it is answered. */
export const sendBatch = (year: Year, isolate: number, batch: Batch, pace: Pace): Promise<void> =>
  batch.correction ? correctBatch(year, isolate, batch, pace) : recordBatch(year, isolate, batch, pace)

async function recordBatch(year: Year, isolate: number, batch: Batch, pace: Pace): Promise<void> {
  const { services } = year.isolate(isolate)
  await year.start('send', year.isolate(isolate), pace, async () => {
    const config = await services.configs.load(year.tenants[batch.tenant]!.id)
    try {
      await recordUsage(services, config, {
        events: batch.events.map(({ sent }, i) => ({ sent, pointer: `#/${i}` })),
        handling: 'strict',
      })
    } catch (error) {
      if (!(error instanceof TollgateError) || isStoreFailure(error)) throw error
      // An earlier try that was under way for so long that its events are too old by now.
      if (batch.answered) return
      throw new Violation(
        laws.answers,
        `events: ${error.code} ${error.detail} ${JSON.stringify(error.issues)}`,
      )
    }
    batch.answered = true
  })
}

export const flush: Operation<{ isolate: number; pace: Pace }, Year> = {
  name: 'flush',
  weight: 7,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(year, { isolate, pace }) {
    year.wait(76_000)
    const { services } = year.isolate(isolate)
    await year.start('flush', year.isolate(isolate), pace, async () => {
      const { quarantined } = await runFlush(services, { leaseMs: 0, retryQuarantined: false })
      if (quarantined.length > 0) throw new Violation(laws.answers, `quarantined: ${quarantined[0]!.reason}`)
    })
  },
}
