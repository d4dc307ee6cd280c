// Reoffer: after Postgres was put back to an earlier point, the settled segments that Redis still keeps are sealed again.
// Those that Postgres has are recognised by their ids and dropped; the others are settled once more.

import type { CounterStore } from './ports.ts'

/** Gives how many segments wait to be settled again. Bills are exact from here on, as far back as segments were kept. */
export async function reoffer(services: { counters: CounterStore }): Promise<number> {
  let offered = 0
  for (const { id } of await services.counters.findPartitions()) {
    await services.counters.tellPlacements(id)
    offered += await services.counters.reoffer(id)
  }
  return offered
}
