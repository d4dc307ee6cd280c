// What the log needs of Postgres besides a place for blocks: the index of what is in them.

import type { Act } from './act.ts'
import type { Erased } from './block.ts'
import type { Position } from './entry.ts'

export type { BlockStore } from './block-store.ts'

/** Which events: all of these hold. What the index can't tell (properties, text) is looked at in the blocks. */
export type EventFilter = {
  customerId: string | null
  resourceType: string | null
  /** by the events' own timestamps: [fromMs, toMs) */
  fromMs: number | null
  toMs: number | null
  /** values of properties by path, each as text */
  properties: [path: string, value: string][]
  /** in the id, the customer's id, the resource type or the properties, whatever the case */
  text: string | null
}

export type Order = 'asc' | 'desc'

export type BlocksQuery = {
  tenantId: string
  filter: EventFilter
  order: Order
  /** Only blocks that may hold events beyond it; null: from the beginning. */
  after: Position | null
  limit: number
}

export type FoundBlock = {
  name: string
  store: string
  segment: string
  receivedMicros: [from: number, to: number]
}

export type FoundBlocks = {
  blocks: FoundBlock[]
  /** the acts that took one of them, in their order */
  acts: Act[]
  /** of the segments that were asked for, those that Postgres has */
  settled: Set<string>
  /** customers whose events, arrived by then, are to be erased from these blocks, or may be in what is not settled */
  erased: Erased[]
}

/** What the counter store has that may not be settled: segments, and from when on what is in them arrived (µs). */
export type Unsettled = { segments: string[]; sinceMicros: number | null }

export interface LogIndex {
  /**
   * Blocks that may hold such events: for `desc` those that end latest first, for `asc` those that begin earliest first; one
   * more than `limit` if there is one. And which of these segments Postgres has, and the acts: at the same instant.
   */
  findBlocks(query: BlocksQuery, unsettled: Unsettled): Promise<FoundBlocks>
  /** How many blocks may hold such events, one more than `limit` at most, and how many events those have, of any kind. */
  sizeOf(tenantId: string, filter: EventFilter, limit: number): Promise<{ blocks: number; events: number }>
  /** Blocks that may hold an event with this id, the newest first. */
  findBlocksOf(tenantId: string, id: string, unsettled: Unsettled): Promise<FoundBlocks>
  /** Blocks that may hold an event with one of these ids, all of them, in the order of arrival. */
  findBlocksWith(
    tenantId: string,
    ids: string[],
    segments: string[],
  ): Promise<{ blocks: FoundBlock[]; settled: Set<string> }>
}

/** A tenant's corrections as they stand at one instant. */
export type Ledger = {
  /** Another one after every act: what was computed from these acts is entered only if it is still this one. */
  ledger: string
  /** how many acts there are, whatever was asked for */
  acts: number
  configVersion: number
}

export interface ActStore {
  /** The acts that took one of these blocks, in their order, and the ledger that they are of: by one statement. */
  readActs(tenantId: string, blocks: string[]): Promise<Ledger & { taken: Act[] }>
}
