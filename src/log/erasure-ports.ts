// What erasure needs of the stores: who is to be erased is in Postgres, and in the counter store, too, from where a Postgres that was
// put back gets it again.

import type { Erased } from './block.ts'
import type { ErasedRow } from './erase-block.ts'

/** `byMicros`: it covers what had arrived by then, by the counter store's clock. */
export type NewErasure = Erased & { id: string; tenantId: string }

export type Erasure = NewErasure & {
  /** blocks that were rewritten for it, and events that were taken out of them */
  blocks: number
  events: number
  /** blocks that are still to be */
  left: number
  createdAt: Date
  /** null: something is left, or may be on its way to Postgres */
  doneAt: Date | null
}

/** A block that has events which are to be erased, and what the index says of it. */
export type BlockToErase = {
  tenantId: string
  /** a number that it has in the index */
  id: string
  name: string
  events: number
  bytes: number
  erasures: NewErasure[]
}

/** What was made of a block, and how much of it each of the erasures took. */
export type Rewritten = {
  block: BlockToErase
  row: ErasedRow
  removed: { erasure: string; ids: string[] }[]
  /** Where Postgres is the store, it is replaced by the same statement, if it is still this version. */
  content: { bytes: Uint8Array; version: string } | null
}

/** A segment that the counter store has and Postgres perhaps not. */
export type LiveSegment = { id: string; bornMs: number }

export interface ErasureStore {
  /** One that is there, by its id, stays as it is. */
  enter(erasures: NewErasure[]): Promise<void>
  /** Newest first; `after` is an id. One more than `limit` if there is one. */
  list(
    tenantId: string,
    wanted: { customerId: string | null; after: string | null; limit: number },
  ): Promise<Erasure[]>
  find(tenantId: string, id: string): Promise<Erasure | null>
  /** Blocks in this store with events that are to be erased and that no meter owes, of any tenant or of one; null: no erasure is open. */
  blocks(wanted: { store: string; tenantId: string | null; limit: number }): Promise<BlockToErase[] | null>
  /** Says that a block was rewritten, if the index still says of it what was read. Gives whether it did. */
  rewritten(done: Rewritten): Promise<boolean>
  /**
   * Says of erasures that nothing is left of them: no block has such events, and every segment that may is settled. `live` was read
   * before. Contents that applied corrections of these customers hold go with it. Gives how many are done now.
   */
  finish(live: LiveSegment[]): Promise<number>
}

/** The same in the counter store. */
export interface ErasureNotes {
  /** The counter store's time, where this customer's events are: by now all that was accepted of it has arrived. µs */
  arrivedMicros(tenantId: string, customerId: string): Promise<number>
  noteErasure(erasure: NewErasure): Promise<void>
  /** All that were noted, of a partition, by the time that they cover, after some of them. */
  notedErasures(partition: number, skip: number, limit: number): Promise<NewErasure[]>
}
