// Actors: events are voided, that is taken back, and the job enters what waited, while everything else goes on. Whether one
// counts is open until it is taken back, which all are in the end: a correction and then its revert are nothing. At any instant
// all meters show the same events.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { correctEvent } from '../../../src/log/correct-event.ts'
import { revertCorrection } from '../../../src/log/draft-correction.ts'
import { enterAllWanted } from '../../../src/log/enter-wanted.ts'
import type { Isolate } from '../isolate.ts'
import { smoothly } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'

/** What is answered with a refusal: there is no such event yet, or it is voided already. */
async function orRefused(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof TollgateError)) throw error
    if (!['not_found', 'state_conflict', 'events_erased', 'store_unavailable'].includes(error.code))
      throw error
  }
}

export const voiding = operation({
  name: 'void',
  weight: 8,
  arbitrary: fc.record({ isolate: some, tenant: some, which: some, pace }),
  async run(world, { isolate: number, tenant: which, which: event, pace }) {
    const isolate = world.isolate(number)
    const tenant = world.tenant(which)
    const ids = world.oracle.identitiesOf(tenant.number)
    const identity = ids[event % Math.max(1, ids.length)]
    if (identity === undefined) return
    identity.corrected = true
    await world.start('void', isolate, pace, async () => {
      const config = await isolate.services.configs.load(tenant.id)
      const asked = { id: identity.id, action: 'void' as const, set: {}, reason: 'x', asCreditNote: false }
      world.answered.asking(tenant.id, identity.id)
      await orRefused(async () => {
        const told = await correctEvent(isolate.services, { tenant: config, newId }, asked)
        world.answered.answer(tenant.id, told.correction)
      })
    })
  },
})

export const takingBack = operation({
  name: 'take back',
  weight: 3,
  arbitrary: fc.record({ isolate: some, tenant: some, which: some, pace }),
  async run(world, { isolate: number, tenant: which, which: one, pace }) {
    const { services } = world.isolate(number)
    const tenant = world.tenant(which)
    await world.start('take back', world.isolate(number), pace, async () => {
      const made = await services.corrections.list(tenant.id, { after: null, limit: 20 })
      const picked = made[one % Math.max(1, made.length)]
      if (picked === undefined) return
      world.answered.taking(picked.correction)
      await orRefused(async () =>
        world.answered.answer(
          tenant.id,
          await revertCorrection(services, tenant.id, picked.correction),
          true,
        ),
      )
    })
  },
})

export const entering = operation({
  name: 'enter',
  weight: 3,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(world, { isolate: number, pace }) {
    const isolate = world.isolate(number)
    await world.start('enter', isolate, pace, async () => noFailure(await enterAllWanted(isolate.services)))
  },
})

function noFailure({ failed }: Awaited<ReturnType<typeof enterAllWanted>>): void {
  const wrong = failed.find(({ reason }) => !(reason instanceof TollgateError))
  if (wrong) throw wrong.reason
}

/** In the end: whatever Postgres has of corrections is taken back. */
export async function takeAllBack(world: World): Promise<void> {
  const isolate = world.isolate(0)
  const left = new Map<string, Set<string>>()
  await world.start('take all back', isolate, smoothly, async () => {
    noFailure(await enterAllWanted(isolate.services))
    if (world.oracle.rollbacks === 0) await checkAnswered(world, isolate)
    for (const { id } of world.tenants) left.set(id, await takeBackOf(isolate, id))
  })
  world.check()
  for (const { number, id } of world.tenants)
    for (const identity of world.oracle.identitiesOf(number))
      identity.corrected = left.get(id)?.has(identity.id) ?? false
}

async function checkAnswered({ tenants, answered, erasures }: World, { services }: Isolate): Promise<void> {
  for (const { id, number } of tenants) {
    const found = await services.corrections.list(id, { after: null, limit: 10_000 })
    const isErased = erasures.asked.some(({ tenant }) => tenant === number)
    answered.check(id, found, isErased)
  }
}

/** Gives of which events one stays: they were erased, and can't be given back. */
async function takeBackOf({ services }: Isolate, tenantId: string): Promise<Set<string>> {
  const left = new Set<string>()
  for (let after: string | null = null, page = 0; page < 50; page++) {
    const made = await services.corrections.list(tenantId, { after, limit: 50 })
    for (const { correction, state, filter } of made.slice(0, 50)) {
      if (state !== 'applied' && state !== 'wanted' && state !== 'offered') continue
      const now = await revertCorrection(services, tenantId, correction).catch((error: unknown) => {
        if (error instanceof TollgateError && error.code === 'events_erased') return null
        throw error
      })
      if (now === null) left.add(filter.eventId!)
      else if (now.state !== 'reverted' && now.state !== 'cancelled')
        throw new Violation(laws.corrected, `a correction is ${now.state} after it was taken back`)
    }
    if (made.length <= 50) return left
    after = made[49]!.correction
  }
  return left
}
