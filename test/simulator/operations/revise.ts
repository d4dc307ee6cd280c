// Actors: a meter is revised from some hour on, or counted anew; the revision is filled from the log, and switched to or cancelled;
// and what it shows by the hour is read.

import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { CONFIG_MAX_AGE_MS } from '../../../src/access/config-cache.ts'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { readUsage } from '../../../src/metering/read-usage.ts'
import { cancelRevision, replayOf, reviseMeter, revisionOf } from '../../../src/metering/revise-meter.ts'
import { boundariesOf, checkRevised } from '../check-revised.ts'
import { hourOfTenant } from '../plan.ts'
import { definitions, type RevisedKey, revisedKeys, revisedMeters } from '../revisions.ts'
import { isStoreFailure, smoothly } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'

/** What is answered with a refusal: it counts so already, or is being revised; its events were erased; it is switched to by now. */
async function orRefused(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (!(error instanceof TollgateError)) throw error
    if (!['not_found', 'state_conflict', 'validation_failed', 'events_erased'].includes(error.code))
      throw error
    return false
  }
}

const keyOf = (world: World, which: number): RevisedKey =>
  world.setup.onlyAdding ? revisedKeys[0] : revisedKeys[which % revisedKeys.length]!

export const revising = operation({
  name: 'revise',
  weight: 4,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    meter: fc.nat(1),
    definition: fc.nat(definitions.length - 1),
    /** the same is counted anew */
    replay: fc.constantFrom(false, false, false, true),
    hoursAgo: fc.constantFrom(-1, 0, 0, 1, 1, 2, 4),
    pace,
  }),
  async run(world, { isolate: number, tenant: which, meter, definition, replay, hoursAgo, pace }) {
    if (!world.setup.revised) return
    const isolate = world.isolate(number)
    const tenant = world.tenant(which)
    const key = keyOf(world, meter)
    const fromMs = hourOfTenant(tenant.timezone, world.time.nowMs - hoursAgo * 3_600_000)
    const input = world.revisions.input(tenant.number, key, fromMs, definition)
    await world.start('revise', isolate, pace, async () => {
      const { services } = isolate
      const context = { tenant: await services.configs.load(tenant.id), newId }
      const asked = replay
        ? replayOf(context.tenant, { key, input: { from: input.from } })
        : revisionOf(context.tenant, { key, input })
      await orRefused(() => reviseMeter(services, context, asked))
    })
  },
})

export const cancelling = operation({
  name: 'cancel-revision',
  weight: 1,
  arbitrary: fc.record({ isolate: some, tenant: some, meter: fc.nat(1), pace }),
  async run(world, { isolate: number, tenant: which, meter, pace }) {
    if (!world.setup.revised) return
    const { services } = world.isolate(number)
    const tenant = world.tenant(which)
    const key = keyOf(world, meter)
    await world.start('cancel revision', world.isolate(number), pace, async () => {
      const { meters } = await services.catalog.listRevisions(tenant.id, key)
      const last = meters.at(-1)?.revision
      if (!last) return
      const config = await services.configs.load(tenant.id)
      await orRefused(() => cancelRevision(services, { tenant: config }, { key, number: last.number }))
    })
  },
})

export const filling = operation({
  name: 'fill',
  weight: 3,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(world, { isolate: number, pace }) {
    const isolate = world.isolate(number)
    const { gaps } = world
    await world.start('fill', isolate, pace, async () => {
      const { failed } = await isolate.fill(world.revisions.hearing(isolate.services))
      // Blocks that were listed may be gone with what Postgres has lost.
      const wrong = failed.find(({ reason }) => !isStoreFailure(reason) && gaps === world.gaps)
      if (wrong) throw wrong.reason
    })
  },
})

export const readRevised = operation({
  name: 'read-revised',
  weight: 3,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    customer: some,
    meter: fc.nat(1),
    history: fc.constantFrom(false, false, true),
    pace,
  }),
  async run(world, { isolate: number, tenant: which, customer: one, meter, history, pace }) {
    if (!world.setup.revised) return
    const isolate = world.isolate(number)
    const tenant = world.tenant(which)
    const customer = world.customer(one)
    const key = keyOf(world, meter)
    const { revisions, time } = world
    const first = revisions.since(tenant.number, key)
    const boundariesMs = boundariesOf(world, tenant, key)
    const begun = { gaps: world.gaps, ms: time.nowMs }
    await world.start('read revised', isolate, pace, async () => {
      const config = await isolate.services.configs.load(tenant.id)
      const query = { customerIds: [customer], meter: null, boundariesMs, groupBy: [], history }
      const { quantities } = await isolate.read(isolate.services, config, query)
      // Whatever Postgres has forgotten, caches may hold for a while.
      const sinceMs = begun.ms - CONFIG_MAX_AGE_MS
      const isKnown =
        world.missingSinceMs === null && begun.gaps === world.gaps && revisions.wentBackMs < sinceMs
      // An instant was asked for since, and perhaps switched to.
      const isCut = boundariesOf(world, tenant, key).length === boundariesMs.length
      if (!isKnown || !isCut) return
      const versions = revisions.versions(tenant.number, key, { first, sinceMs })
      const question = { tenant, customer, key, boundariesMs, reader: 'usage by the hour' }
      checkRevised(world, question, quantities, { versions, isWhole: world.oracle.rollbacks === 0 })
    })
  },
})

const RUNS = 50

/** In the end: until no meter owes anything any more. */
export async function fillAll(world: World): Promise<void> {
  const isolate = world.isolate(0)
  await world.start('fill all', isolate, smoothly, async () => {
    for (let run = 0; ; run++) {
      const { more, failed } = await isolate.fill(world.revisions.hearing(isolate.services))
      if (failed.length > 0) throw failed[0]!.reason
      if (!more) break
      if (run > RUNS) throw new Violation(laws.drains, `after ${RUNS} runs meters owe something`)
    }
  })
  world.check()
  const [left] = await world.postgres.look<{ key: string }>(sql`select key from meters where filling`)
  if (left) throw new Violation(laws.drains, `${left.key} is never filled`)
}

/** In the end: by the hour, and from Postgres alone. */
export async function readRevisedBooks(world: World, number: number): Promise<void> {
  const tenant = world.tenants[number]!
  const customerIds = world.oracle.customersOf(number)
  if (!world.setup.revised || customerIds.length === 0) return
  const { services } = world.isolate(0)
  await world.start('the revised books', world.isolate(0), smoothly, async () => {
    const config = await services.configs.load(tenant.id)
    for (const { key } of revisedMeters(world.setup)) {
      const boundariesMs = boundariesOf(world, tenant, key as RevisedKey)
      const query = { customerIds, meter: null, boundariesMs, groupBy: [], history: true }
      const { quantities } = await readUsage(services, config, query)
      const versions = [world.revisions.current(number, key as RevisedKey)]
      for (const customer of customerIds) {
        const question = {
          tenant,
          customer,
          key: key as RevisedKey,
          boundariesMs,
          reader: 'the books by the hour',
        }
        checkRevised(world, question, quantities, { versions, isWhole: true })
      }
    }
  })
  world.check()
}
