// Actor: a client sends a batch of events to an isolate, and may not hear the answer.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { recordUsage } from '../../../src/metering/record-usage.ts'
import { unitsOf } from '../expected.ts'
import type { Isolate } from '../isolate.ts'
import type { Answer, Batch, SimEvent } from '../oracle.ts'
import { digitQuantity, isRated, type Kind, SKIPPING_METER } from '../plan.ts'
import type { Pace } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'

const values = ['0', '0.5', '1', '2.25', '0.000000000001', '7', '999999999999999.999999999999', '3']
const changes = ['3', '-1', '0.5', '-0.25', '12', '-12', '0.000000000003', '-999999999999999.5']

export const eventFields = {
  customer: some,
  gauge: fc.boolean(),
  user: fc.nat(4),
  value: fc.nat(values.length - 1),
  change: fc.nat(changes.length - 1),
  minutesAgo: fc.constantFrom(0, 0, 0, 1, 7, 59, 60, 200),
  /** the server's own time is taken */
  timeless: fc.boolean(),
  /** the server makes the id */
  nameless: fc.constantFrom(false, false, false, false, false, true),
  /** takes the id of another event, for another content */
  stolen: fc.option(some, { freq: 6 }),
  /** stands in the batch twice */
  doubled: fc.constantFrom(false, false, false, false, false, true),
}
const eventArbitrary = fc.record(eventFields)
type Drawn = typeof eventArbitrary extends fc.Arbitrary<infer T> ? T : never

export const send = operation({
  name: 'send',
  weight: 20,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    events: fc.array(eventArbitrary, { minLength: 1, maxLength: 4, size: 'max' }),
    lenient: fc.boolean(),
    deaf: fc.constantFrom(false, false, false, false, true),
    pace,
  }),
  async run(world, { isolate, tenant, events: drawn, lenient, deaf, pace }) {
    const number = world.tenant(tenant).number
    const events = drawn.flatMap((one) => {
      const event = newEvent(world, number, world.customer(one.customer), one)
      if (!event) return []
      return one.doubled && !one.nameless ? [event, event] : [event]
    })
    if (events.length === 0) return
    const batch: Batch = {
      n: world.oracle.batches.length,
      tenant: number,
      events,
      handling: lenient ? 'lenient' : 'strict',
      answered: false,
      firstSentMs: Math.min(...events.map(({ id }) => id.firstSentMs)),
      retriable: events.every(({ sent }) => 'id' in sent),
    }
    world.oracle.batches.push(batch)
    await sendBatch(world, world.isolate(isolate), batch, { deaf, pace })
  },
})

export function newEvent(
  world: World,
  tenant: number,
  customer: string,
  drawn: Omit<Drawn, 'customer'>,
): SimEvent | null {
  const { oracle, time } = world
  const kind: Kind = drawn.gauge ? 'gauge' : 'call'
  const user = `u${drawn.user}`
  const atMs = time.nowMs - drawn.minutesAgo * 60_000
  const value = values[drawn.value]!
  // Tenants use the same ids.
  const own = `${drawn.nameless ? 'nameless ' : 'e'}${oracle.idsOf(tenant)}`
  const id = (drawn.nameless ? null : stolenId(world, { tenant, customer }, drawn.stolen)) ?? own
  const change = changes[drawn.change]!
  const timestamp = drawn.timeless && kind === 'call' ? {} : { timestamp: new Date(atMs).toISOString() }
  return oracle.newEvent(
    { tenant, customer, kind, user, value: unitsOf(value), change: unitsOf(change), atMs },
    id,
    (digit) => {
      const quantity = digitQuantity(digit)
      const sent = {
        ...(drawn.nameless ? {} : { id }),
        customer_id: customer,
        resource_type: kind,
        quantity,
        ...timestamp,
        properties: {
          ...{ v: value, change, d: quantity },
          in: { v: value, list: [null, value], user: { name: user }, ...ratingOf(user, value) },
        },
      }
      return { quantity: unitsOf(quantity), sent }
    },
    time.nowMs,
  )
}

/** Who isn't rated has none, or null. */
const ratingOf = (user: string, value: string): { rated?: string | null } =>
  isRated(user) ? { rated: value } : user === 'u0' ? { rated: null } : {}

function stolenId(
  world: World,
  { tenant, customer }: { tenant: number; customer: string },
  which: number | null,
): string | null {
  if (which === null) return null
  const mine = [...world.oracle.identities.values()].filter(
    (one) =>
      one.variants[0]!.tenant === tenant &&
      world.sharesIds(one.variants[0]!.customer, customer) &&
      'id' in one.variants[0]!.sent &&
      isKnownYet(world, one.firstSentMs),
  )
  return mine.length === 0 ? null : mine[which % mine.length]!.id
}

/** A client may send an id again for one window; some minutes are left for it to arrive. */
export const isKnownYet = (world: World, firstSentMs: number): boolean =>
  world.time.nowMs - firstSentMs < world.limits.dedupeWindowMs - 30 * 60_000

/** One try to send a batch. `deaf`: the client doesn't hear the answer. */
export async function sendBatch(
  world: World,
  isolate: Isolate,
  batch: Batch,
  { deaf, pace }: { deaf: boolean; pace: Pace },
): Promise<void> {
  const sending = world.oracle.sending(batch)
  await world.start(`send ${batch.n}`, isolate, pace, async (actor) => {
    world.senders.set(actor, batch.events)
    const answer = await answerOf(world, isolate, batch)
    if (deaf) return
    world.oracle.answered(sending, answer, world.isUnsure(actor))
  })
}

async function answerOf(world: World, { services }: Isolate, batch: Batch): Promise<Answer> {
  try {
    const config = await services.configs.load(world.tenants[batch.tenant]!.id)
    const { events: recorded } = await recordUsage(services, config, {
      events: batch.events.map(({ sent }, i) => ({ sent, pointer: `#/${i}` })),
      handling: batch.handling,
    })
    for (const [i, { status, skipped = [] }] of recorded.entries()) {
      const { kind, user, id } = batch.events[i]!
      const counts = status === 'accepted' || status === 'duplicate'
      const due = counts && kind === 'call' && !isRated(user) ? [SKIPPING_METER] : []
      if (skipped.join() !== due.join())
        throw new Violation(laws.answers, `event ${id.id} was answered skipped: [${skipped}], not [${due}]`)
    }
    return { kind: 'statuses', statuses: recorded.map(({ status }) => status) }
  } catch (error) {
    if (!(error instanceof TollgateError)) throw error
    switch (error.code) {
      // A full Redis refuses it whole; an earlier try of the same call may have come through.
      case 'memory_full':
      case 'store_unavailable':
        return { kind: 'unknown' }
      case 'backlog_full':
        return { kind: 'refused' }
      case 'event_conflict':
        return {
          kind: 'conflict',
          positions: (error.issues ?? []).map(({ pointer }) => Number(pointer.split('/')[1])),
        }
      default:
        throw new Error(`${error.code}: ${JSON.stringify(error.issues)}`)
    }
  }
}
