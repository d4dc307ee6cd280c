// After Postgres was put back to an earlier point: the acts that the counter store noted are offered to it again. Those that it has
// forgotten wait there, in their order, and a job enters them (enter-offered.ts).

import type { CounterStore } from '../metering/ports.ts'
import { ACT_NOTES_AT_ONCE } from './limits.ts'
import { mergedNotes, type PlacedNote } from './merge-notes.ts'
import type { ActNotes, OfferedActStore } from './offered-ports.ts'

export type OfferServices = {
  counters: ActNotes & Pick<CounterStore, 'findPartitions'>
  offered: OfferedActStore
}

/** Gives how many acts Postgres had forgotten. */
export async function reofferActs(services: OfferServices): Promise<number> {
  const { counters, offered } = services
  const places = new Map<string, number[]>()
  // The marks first, all of them: from then on nothing is noted that was read before, wherever a tenant is.
  for (const { id } of await counters.findPartitions())
    for (const tenantId of await counters.offerActs(id))
      places.set(tenantId, [...(places.get(tenantId) ?? []), id])
  let forgotten = 0
  for (const [tenantId, partitions] of places) {
    const noted: PlacedNote[][] = []
    for (const partition of partitions) noted.push(await notesIn(counters, partition, tenantId))
    const merged = mergedNotes(noted)
    for (let from = 0; from < merged.length; from += ACT_NOTES_AT_ONCE)
      forgotten += await offered.offer(tenantId, merged.slice(from, from + ACT_NOTES_AT_ONCE))
  }
  return forgotten
}

async function notesIn(counters: ActNotes, partition: number, tenantId: string): Promise<PlacedNote[]> {
  const notes: PlacedNote[] = []
  for (let after = 0; ; after = notes.at(-1)!.position) {
    const found = await counters.notedActs(partition, tenantId, after, ACT_NOTES_AT_ONCE)
    notes.push(...found)
    if (found.length < ACT_NOTES_AT_ONCE) return notes
  }
}
