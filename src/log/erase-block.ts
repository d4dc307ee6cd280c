// Taking a customer's events out of a block. Pure.

import { headOfLine } from '../metering/logged.ts'
import type { BlockRow } from '../metering/segment-log.ts'
import { type BlockLine, blockText, type Erased, linesOfBlock, packed } from './block.ts'
import type { LogEntry } from './entry.ts'
import { contents } from './write-blocks.ts'

/**
 * What the index says of a block that changes when events are taken out of it. Spans, types and customers stay: by them the block is
 * found, which says who was erased.
 */
export type ErasedRow = Pick<BlockRow, 'events' | 'lists' | 'ids' | 'bytes'>

export type ErasedBlock = {
  content: Uint8Array
  row: ErasedRow
  /** ids of the events that were taken out, by erasure, in the order in which they were asked for */
  removed: string[][]
}

/** The block without the events of these erasures, which it names from now on. */
export function eraseFrom(tenantId: string, content: Uint8Array, erasures: Erased[]): ErasedBlock {
  const block = linesOfBlock(content)
  const removed: string[][] = erasures.map(() => [])
  const lines = block.lines.filter((one) => {
    const { id, customerId } = headOfLine(one.line)
    const by = erasures.findIndex(
      (erased) => erased.customerId === customerId && one.receivedMicros <= erased.byMicros,
    )
    if (by !== -1) removed[by]!.push(id)
    return by === -1
  })
  const took = erasures.filter((_, i) => removed[i]!.length > 0)
  const changed = took.length === 0 ? content : packed(blockText(lines, merged([...block.erased, ...took])))
  return { content: changed, row: { ...rowOf(tenantId, lines), bytes: changed.length }, removed }
}

function rowOf(tenantId: string, lines: BlockLine[]): Omit<ErasedRow, 'bytes'> {
  if (lines.length === 0) return { events: 0, lists: {}, ids: [] }
  const { events, lists, ids } = contents(tenantId, lines)
  return { events, lists, ids }
}

/** The latest of each customer. */
function merged(erased: Erased[]): Erased[] {
  const latest = new Map<string, Erased>()
  for (const one of erased) {
    const known = latest.get(one.customerId)
    if (known === undefined || known.byMicros < one.byMicros) latest.set(one.customerId, one)
  }
  return [...latest.values()]
}

/** Which events are not shown any more, whether or not they were taken out yet. */
export function isErased(
  erased: Erased[],
): (entry: Pick<LogEntry, 'customerId' | 'receivedMicros'>) => boolean {
  const by = new Map(merged(erased).map(({ customerId, byMicros }) => [customerId, byMicros]))
  return ({ customerId, receivedMicros }) => receivedMicros <= (by.get(customerId) ?? -1)
}
