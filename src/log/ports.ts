// What the log needs of Postgres besides a place for blocks: the index of what is in them.

import type { Act } from './act.ts'
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

export interface LogIndex {
  /**
   * Blocks that may hold such events: for `desc` those that end latest first, for `asc` those that begin earliest first; one
   * more than `limit` if there is one. And which of these segments Postgres has: at the same instant.
   */
  findBlocks(query: BlocksQuery, segments: string[]): Promise<{ blocks: FoundBlock[]; settled: Set<string> }>
  /** Blocks that may hold an event with this id, the newest first. */
  findBlocksOf(
    tenantId: string,
    id: string,
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
