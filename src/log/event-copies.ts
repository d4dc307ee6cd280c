// Where one event is: hot, and in blocks. It may be there more than once, where the counter store was put back between two tries.

import type { CounterStore } from '../metering/ports.ts'
import type { BlockStore } from './block-store.ts'
import { byArrival, type LogEntry } from './entry.ts'
import type { LogIndex } from './ports.ts'
import { readBlocks } from './read-blocks.ts'
import { readLogOf, unsettledOf } from './unsettled.ts'

type Services = { counters: Pick<CounterStore, 'readLog'>; blocks: BlockStore; logIndex: LogIndex }

/** `hot`: copies that are not settled; `blocks`: names of those that have one. */
export type Copies = { newest: LogEntry | null; hot: number; blocks: string[] }

const AT_ONCE = 8

/** The counter store first: what is settled in between is found in the blocks. */
export async function copiesOf(
  { counters, blocks: store, logIndex }: Services,
  tenantId: string,
  { eventId, receivedFrom }: { eventId: string; receivedFrom: number },
): Promise<Copies> {
  const live = await readLogOf(counters, tenantId, eventId)
  const index = await logIndex.findBlocksOf(tenantId, eventId, live)
  const { blocks } = index
  const { entries: unsettled, left } = await unsettledOf(store, tenantId, live, index)
  const isCopy = (entry: LogEntry) => entry.id === eventId && entry.receivedMicros >= receivedFrom
  const hot = unsettled.filter(isCopy)
  const found = [...hot]
  const names: string[] = []
  for (let i = 0; i < blocks.length; i += AT_ONCE) {
    const some = blocks.slice(i, i + AT_ONCE)
    for (const [j, { entries }] of (await readBlocks(store, some)).entries()) {
      const here = left(entries).filter(isCopy)
      if (here.length > 0) names.push(some[j]!.name)
      found.push(...here)
    }
  }
  return { newest: found.sort(byArrival).at(-1) ?? null, hot: hot.length, blocks: names }
}
