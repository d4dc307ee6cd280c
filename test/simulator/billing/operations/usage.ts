// Actors: events come in, now and weeks late; the aggregator moves them to Postgres.

import fc from 'fast-check'
import { TollgateError } from '../../../../src/kernel/errors.ts'
import { flush as runFlush } from '../../../../src/metering/flush.ts'
import { recordUsage } from '../../../../src/metering/record-usage.ts'
import { unitsOf } from '../../expected.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { isStoreFailure, type Pace } from '../../stage.ts'
import { Violation } from '../../violation.ts'
import { laws } from '../laws.ts'
import type { SimEvent } from '../usage.ts'
import type { Batch, Year } from '../year.ts'

const HOUR_MS = 3_600_000
/** Events are taken for 35 days; a retry needs some hours more. */
const OLDEST_HOURS = 34 * 24
const changes = ['3', '-1', '12', '-12', '0.25', '100', '-100']

const event = fc.record({
  gauge: fc.constantFrom(false, false, true),
  hoursAgo: fc.oneof(fc.constantFrom(0, 0, 0, 1, 5, 30, 100, 300), fc.integer({ min: 1, max: OLDEST_HOURS })),
  quantity: fc.constantFrom('0', '1', '3', '6.5', '40', '700.123456'),
  change: fc.constantFrom(...changes),
  v: fc.constantFrom('0', '0.5', '7', '33.333333'),
  user: fc.nat(3),
  model: fc.constantFrom('a', 'a', 'b', 'c', null),
})

const arbitrary = fc.record({
  isolate: some,
  tenant: some,
  customer: some,
  events: fc.array(event, { minLength: 1, maxLength: 4, size: 'max' }),
  pace,
})

export const send: Operation<Drawn<typeof arbitrary>, Year> = {
  name: 'send',
  weight: 22,
  arbitrary,
  async run(year, { isolate, tenant, customer, events, pace }) {
    const batch: Batch = {
      tenant: year.tenant(tenant).number,
      customer: year.customer(customer),
      events: events.map((drawn) => newEvent(year, year.customer(customer), drawn)),
      answered: false,
      firstSentMs: year.time.nowMs,
    }
    year.batches.push(batch)
    await sendBatch(year, isolate, batch, pace)
  },
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

function newEvent(year: Year, customer: string, drawn: Drawn<typeof event>): SimEvent {
  const n = ++year.events
  const kind = drawn.gauge ? 'gauge' : 'call'
  // No two events are alike, so that none can stand for another.
  const own = `0.${String(n).padStart(9, '0')}`
  const quantity = unitsOf(drawn.quantity) + unitsOf(own)
  const atMs = year.time.nowMs - drawn.hoursAgo * HOUR_MS
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

export async function sendBatch(year: Year, isolate: number, batch: Batch, pace: Pace): Promise<void> {
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
