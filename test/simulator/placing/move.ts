// Actors: the operator moves a tenant or spreads it, opens partitions, and the job ends moves.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { moveTenant } from '../../../src/metering/placement/move-tenant.ts'
import { openPartition } from '../../../src/metering/placement/open-partition.ts'
import { tendFormer } from '../../../src/metering/placement/tend-former.ts'
import type { Isolate } from '../isolate.ts'
import { operation, pace, some } from '../operations/operation.ts'
import { isStoreFailure } from '../stage.ts'
import type { PlacedWorld } from './world.ts'

/** What moves a tenant goes by the nonces that the world has. */
const nonceOf = ({ bug }: PlacedWorld) => bug?.nonce ?? newId

/** More former homes than there may be: the move is refused, and nothing changes. */
async function orRefused(body: () => Promise<unknown>): Promise<void> {
  try {
    await body()
  } catch (error) {
    if (!(error instanceof TollgateError) || error.code !== 'state_conflict') throw error
  }
}

export const move = operation({
  name: 'move',
  weight: 12,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    to: some,
    /** over how many homes */
    over: fc.constantFrom(1, 1, 1, 2, 3),
    pace,
  }),
  async run(world: PlacedWorld, { isolate, tenant, to, over, pace }) {
    const { id, number } = world.tenant(tenant)
    const { placing } = world.isolate(isolate)
    await world.start('move', world.isolate(isolate), pace, async () => {
      const partitions = (await placing!.directory.list()).map((partition) => partition.id)
      const at = to % partitions.length
      const inTurn = [...partitions.slice(at), ...partitions.slice(0, at)]
      const home = inTurn.slice(0, world.placed.spreads ? over : 1)
      const spreadBy = home.length > 1 ? 'customer' : null
      world.moved.add(number)
      if (spreadBy !== null) world.spread.add(number)
      await orRefused(() => moveTenant(placing!, nonceOf(world), id, { home, spreadBy }))
    })
  },
})

export const tend = operation({
  name: 'tend',
  weight: 4,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(world: PlacedWorld, { isolate, pace }) {
    await world.start('tend', world.isolate(isolate), pace, () => tending(world, world.isolate(isolate)))
  },
})

export async function tending(world: PlacedWorld, { placing }: Isolate): Promise<void> {
  const { failed } = await tendFormer(placing!, nonceOf(world))
  const wrong = failed.find(({ reason }) => !isStoreFailure(reason))
  if (wrong) throw wrong.reason
}

export const open = operation({
  name: 'open',
  weight: 1,
  arbitrary: fc.record({ isolate: some, database: some, pace }),
  async run(world: PlacedWorld, { isolate, database, pace }) {
    const { placing } = world.isolate(isolate)
    await world.start('open', world.isolate(isolate), pace, async () => {
      const { names } = placing!.homes
      await openPartition(placing!, { database: names[database % names.length]! })
    })
  },
})
