// The simulation of counting, and its end: all faults are lifted, and the books have to be right.

import { text } from '../../src/kernel/decimal.ts'
import { flush } from '../../src/metering/flush.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { checkLogAccount, checkLosses, checkNoDrift } from './check-accounts.ts'
import { checkBlocks } from './check-blocks.ts'
import { checkLog, type LoggedCounts, owedLog, readLog } from './check-log.ts'
import { checkIdentities, checkTotals, owedNow } from './check-totals.ts'
import { unitsOf } from './expected.ts'
import type { Isolate } from './isolate.ts'
import type { StoreName } from './network.ts'
import { operations } from './operations/all.ts'
import { takeAllBack } from './operations/correct.ts'
import { eraseAll } from './operations/erase.ts'
import { sendImport } from './operations/import.ts'
import { offerAgain } from './operations/repair.ts'
import { fillAll, readRevisedBooks } from './operations/revise.ts'
import { isKnownYet, newEvent, sendBatch } from './operations/send.ts'
import type { Batch, SimEvent, Way } from './oracle.ts'
import { type Kind, kinds, periodOfTenant, setupArbitrary } from './plan.ts'
import { simulation } from './simulation.ts'
import { smoothly } from './stage.ts'
import { laws, Violation } from './violation.ts'
import { World } from './world.ts'

export const counting = simulation({
  flags: '',
  setup: setupArbitrary,
  operations,
  world: (setup, ends, time, bug) => new World(setup, ends, time, bug),
  begin: (world) => world.begin(),
  finish,
})

const ROUNDS = 400

/** All faults are lifted, all is sent and settled, and checked. */
export async function finish(world: World): Promise<void> {
  const { network } = world
  network.log.push('— the end: all faults are lifted')
  for (const store of Object.keys(network.away)) network.away[store as StoreName] = false
  for (const database of world.databases) database.full = false
  for (let round = 0; network.parked.length > 0; round++) {
    if (round > ROUNDS) throw new Violation(laws.drains, 'calls go on and on')
    await network.deliver(0, 'ok')
  }
  world.check()
  network.open = true
  await answerEverything(world)
  if (world.missingSinceMs !== null) await offerAgain(world, 0, smoothly)
  // A full Redis takes nothing in, but what is in it has to drain.
  await world.start('look', world.isolate(0), smoothly, async () => {
    await world.isolate(0).services.counters.state(0)
  })
  await checkLogs(world, null)
  for (const database of world.databases) database.full = world.setup.fullAtTheEnd
  await drain(world)
  for (const database of world.databases) database.full = false
  world.check()
  if (world.oracle.rollbacks > 0) {
    await callAgain(world)
    await drain(world)
  }
  await takeAllBack(world)
  await fillAll(world)
  await eraseAll(world)
  const settled = await world.settledCounts()
  for (const { number } of world.tenants) {
    const isHistory = world.oracle.hasHistory(number)
    for (const history of isHistory ? [false, true] : [false]) await checkBooks(world, number, history)
    await readRevisedBooks(world, number)
    await checkAccounts(world, number, settled)
  }
  await checkLogs(world, { all: settled, history: await world.settledCounts('history') })
  await checkBlocks(world)
  checkIdentities(world, settled)
  await checkRedis(world)
}

/** Every batch that its client may still send again is sent until it is answered. */
async function answerEverything(world: World): Promise<void> {
  for (const batch of world.oracle.batches) {
    if (batch.answered || !batch.retriable || !isKnownYet(world, batch.firstSentMs)) continue
    for (let round = 0; !batch.answered; round++) {
      if (round > 3)
        throw new Violation(laws.answers, `batch ${batch.n} finds no answer though nothing is broken`)
      await sendBatch(world, world.isolate(0), batch, { deaf: false, pace: smoothly })
      world.check()
    }
  }
}

const PLAIN = {
  // One whom every meter counts.
  user: 1,
  value: 2,
  change: 0,
  minutesAgo: 0 as const,
  timeless: false,
  nameless: false,
  stolen: null,
  doubled: false,
}

/** Every isolate counts an event of each kind, and with it shows what it was answered. */
async function callAgain(world: World): Promise<void> {
  for (const isolate of world.isolates) {
    for (const { number } of world.tenants) {
      // What is history has accounts of its own.
      const ways: Way[] = world.oracle.hasHistory(number) ? ['live', 'history'] : ['live']
      for (const kind of kinds) for (const way of ways) await callOnce(world, isolate, { number, kind, way })
    }
  }
}

async function callOnce(
  world: World,
  isolate: Isolate,
  { number, kind, way }: { number: number; kind: Kind; way: Way },
): Promise<void> {
  const event = newEvent(world, number, 'again', { ...PLAIN, gauge: kind === 'gauge' })!
  const batch: Batch = {
    n: world.oracle.batches.length,
    tenant: number,
    events: [event],
    handling: 'strict',
    answered: false,
    firstSentMs: event.id.firstSentMs,
    retriable: true,
  }
  if (way === 'live') world.oracle.batches.push(batch)
  const call = async () => {
    if (way === 'live') await sendBatch(world, isolate, batch, { deaf: false, pace: smoothly })
    else await sendImport(world, isolate, { events: [event], history: true, lines: 1, pace: smoothly })
    world.check()
  }
  await call()
  if (event.ackedAt !== null) return
  // The backlog is full of what the others sent.
  await drain(world)
  await call()
  if (event.ackedAt === null)
    throw new Violation(laws.answers, 'an event is not accepted though nothing is broken')
}

export async function checkAccounts(
  world: World,
  number: number,
  countOf: (event: SimEvent) => number,
): Promise<void> {
  const tenant = world.tenants[number]!
  await world.start('reconcile', world.isolate(0), smoothly, async () => {
    const { services } = world.isolate(0)
    const found = await reconcile(services, await services.configs.load(tenant.id))
    checkLogAccount(found.log, `tenant ${number}`, world.oracle.rollbacks === 0)
    if (world.oracle.rollbacks === 0) checkNoDrift(found.meters, `tenant ${number}`)
    else checkLosses(world, tenant, found, countOf)
  })
  world.check()
}

async function drain(world: World): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    world.time.advance(world.limits.settleAfterMs + 1)
    let left: number | null = null
    await world.start('the last flush', world.isolate(0), smoothly, async () => {
      const { services } = world.isolate(0)
      await flush(services, { leaseMs: 0, retryQuarantined: world.oracle.rollbacks > 0 })
      let counters = 0
      for (const { id } of await services.counters.listPartitions()) {
        const { open, sealed } = await services.counters.state(id)
        counters += sealed.length + (open?.counters ?? 0)
      }
      left = counters
    })
    world.check()
    if (left === 0) return
  }
  throw new Violation(laws.drains, `after ${ROUNDS} flushes something is left in Redis`)
}

/** `countOf`: where all is settled, the log has every event as often as it counts. */
async function checkLogs(world: World, countOf: LoggedCounts | null): Promise<void> {
  for (const tenant of world.tenants) {
    const [question, owed] = [{ tenant, customer: null }, owedLog(world, tenant, null)]
    let read = false
    await world.start('the log', world.isolate(0), smoothly, async () => {
      const entries = await readLog(world.isolate(0).services, question, { order: 'asc', limit: 1_000 })
      checkLog(world, { ...question, owed, countOf }, entries)
      read = true
    })
    world.check()
    if (!read) throw new Violation(laws.logged, `the log of tenant ${tenant.number} can’t be read`)
  }
}

/** Postgres alone has everything. */
export async function checkBooks(world: World, number: number, history: boolean): Promise<void> {
  const tenant = world.tenants[number]!
  const customers = world.oracle.customersOf(number)
  if (customers.length === 0) return
  await world.start('the books', world.isolate(0), smoothly, async () => {
    const { services } = world.isolate(0)
    const config = await services.configs.load(tenant.id)
    const postgresOnly = {
      ...services,
      counters: { ...services.counters, readLive: async () => ({ configVersion: null, counters: [] }) },
    }
    const { quantities } = await readUsage(postgresOnly as unknown as typeof services, config, {
      customerIds: customers,
      meter: null,
      boundariesMs: periodOfTenant(tenant.timezone),
      groupBy: [],
      history,
    })
    for (const customer of customers) {
      const shown = new Map(
        quantities
          .filter(({ customerId }) => customerId === customer)
          .map(({ meter, quantity }) => [meter.key, unitsOf(text(quantity))]),
      )
      checkTotals(
        world,
        {
          tenant,
          customer,
          owed: owedNow(world, tenant, customer, history),
          reader: 'the books',
          filled: true,
        },
        shown,
      )
    }
  })
  world.check()
}

/** Nothing is left but what the partition knows of itself, and event ids; what was kept for a while goes by itself. */
async function checkRedis(world: World): Promise<void> {
  world.time.advance(world.limits.keepSettledMs + 1)
  const keys = await Promise.all(world.databases.map((database) => database.keys()))
  const left = keys.flat().filter((key) => !/:(meta|kept|erased|forgetting|dd:.*)$/.test(key))
  if (left.length > 0) throw new Violation(laws.drains, `left in Redis: ${left.join(' ')}`)
  await world.start('state', world.isolate(0), smoothly, async () => {
    const { counters } = world.isolate(0).services
    for (const { id } of await counters.listPartitions()) {
      const { unsettledCounters } = await counters.state(id)
      if (unsettledCounters !== 0)
        throw new Violation(
          laws.drains,
          `partition ${id} says that ${unsettledCounters} counters are unsettled`,
        )
    }
  })
  world.check()
}
