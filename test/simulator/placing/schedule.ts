// The simulation of tenants in several databases: all that counting does, and moves. At its end nothing is asked of homes that
// were left.

import { sql } from 'drizzle-orm'
import { PLACEMENT_MAX_AGE_MS } from '../../../src/access/placement-cache.ts'
import { operations } from '../operations/all.ts'
import type { Operation } from '../operations/operation.ts'
import { checkAccounts, checkBooks, finish } from '../schedule.ts'
import { simulation } from '../simulation.ts'
import { smoothly } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import { failover, forgetScripts, image, outage, restore } from './faults.ts'
import {
  billUnderMove,
  forgottenMove,
  restoreUnderMoves,
  retryBehindMove,
  twoOfOneVersion,
} from './in-order.ts'
import { move, open, tend, tending } from './move.ts'
import { type PlacedSetup, placedSetupArbitrary } from './setup.ts'
import { PlacedWorld } from './world.ts'

// biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
const placed: Operation<any, PlacedWorld>[] = [
  ...[move, tend, open, retryBehindMove, billUnderMove, restoreUnderMoves, forgottenMove, twoOfOneVersion],
  ...[outage, image, restore, failover, forgetScripts],
]
/** In place of those that know one database. */
const names = new Set(placed.map(({ name }) => name))
/** It holds the accounts of one database against what was lost in it. */
const OF_ONE_DATABASE = ['loss-behind-death']

export const placing = simulation<PlacedSetup, PlacedWorld>({
  flags: '--placing ',
  setup: placedSetupArbitrary,
  operations: [
    ...operations.filter(({ name }) => !names.has(name) && !OF_ONE_DATABASE.includes(name)),
    ...placed,
  ],
  world: (setup, ends, time, bug) => new PlacedWorld(setup, ends, time, bug),
  begin: (world) => world.begin(),
  async finish(world) {
    await finish(world)
    await letFormerGo(world)
    const settled = await world.settledCounts()
    for (const { number } of world.tenants) {
      await checkBooks(world, number, false)
      await checkAccounts(world, number, settled)
    }
  },
})

/** A run notes when a home was frozen, and one after its time lets it go. */
const RUNS = 4

async function letFormerGo(world: PlacedWorld): Promise<void> {
  for (let run = 0; run < RUNS; run++) {
    await world.start('tend', world.isolate(0), smoothly, () => tending(world, world.isolate(0)))
    world.check()
    world.time.advance(world.limits.dedupeWindowMs + 4 * PLACEMENT_MAX_AGE_MS)
  }
  const left = await world.postgres.look<{ former: string }>(sql`
    select placement ->> 'former' as former from placements where placement -> 'former' <> '[]'::jsonb`)
  if (left[0] !== undefined)
    throw new Violation(laws.drains, `homes are asked on though nothing in them is needed: ${left[0].former}`)
}
