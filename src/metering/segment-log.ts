// What becomes of a segment's log when it is settled: blocks, which somebody else makes, and the rows that say what is in them.

import type { SegmentContent, SegmentRef } from './ports.ts'

/** What the index says of a block: a part of one tenant's events in one segment. Spans hold both their ends. */
export type BlockRow = {
  /** segment/tenant/part-digest */
  name: string
  /** which store has it */
  store: string
  tenantId: string
  events: number
  receivedMicros: [number, number]
  timestampMs: [number, number]
  /** the lists of its events, by type: one or, where meters came or went meanwhile, several */
  lists: Record<string, string[][]>
  /** a number each for its customers and for its events' ids, which other texts may share */
  customers: string[]
  ids: number[]
  /** of the block as it is stored */
  bytes: number
}

/** Where the events of a segment go before it is settled. */
export interface SegmentLog {
  /** Makes the blocks of what a segment logged, if they are not there, and gives what is to be said of them in the index. */
  write(segment: SegmentRef, content: Pick<SegmentContent, 'log' | 'kept'>): Promise<WrittenLog>
}

/** `kept`: from which `write` makes the same blocks again, and the same rows; null for a segment that logged nothing. */
export type WrittenLog = { rows: BlockRow[]; kept: string | null }
