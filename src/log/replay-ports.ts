// What replay needs of Postgres: which meters are being filled, what they owe, and one statement that counts some of it.

import type { Counter } from '../metering/counter.ts'
import type { Meter } from '../metering/meter.ts'
import type { FoundBlock } from './ports.ts'

/** How far a meter is filled. Nothing is written into one that has changed in one of the two since it was read. */
export type Filling = {
  /** goes up whenever a block that it owes is settled */
  seq: number
  /** goes up whenever blocks are counted into it: by so many */
  blocks: number
  /** µs: of blocks whose last event arrived by then it owes none */
  toMicros: number
  /** the tenant's number of acts when it was made */
  bornAct: number
}

export type FillingMeter = { tenantId: string; meter: Meter; filling: Filling }

/** `id`: a number that the block has in the index. */
export type OwedBlock = FoundBlock & { id: string; events: number }

/** What a meter owes, and of the tenant's ledger of corrections which one it is, and how many acts it has. */
export type Owed = {
  filling: Filling
  blocks: OwedBlock[]
  unsettled: number
  ledger: string
  acts: number
}

/** Blocks in the order of their last events' arrival, and of what arrived at one instant by number. */
export type OwedPosition = { receivedMicros: number; id: string }

/** How far a meter is filled, as people see it: blocks that are counted, of how many. */
export type FillProgress = { done: number; of: number }

export interface ReplayStore {
  /** Meters that are being filled, of any tenant, in an order that is another one each time. */
  fillingMeters(limit: number): Promise<FillingMeter[]>
  /**
   * What a meter owes after a position (null: all from where it is filled to), and how many of these segments Postgres doesn't
   * have: at one instant. null: it is not being filled any more.
   */
  owed(
    of: { tenantId: string; meterId: string },
    wanted: { after: OwedPosition | null; limit: number; segments: string[] },
  ): Promise<Owed | null>
  /**
   * Counts blocks into a meter, all of them or none, and only if no others were counted since `filling`. `filledTo`: none before it
   * is owed, unless one was settled since. `ledger`: only if the tenant's is this one; null: whichever. Gives whether it did.
   */
  enter(
    of: { tenantId: string; meterId: string },
    filling: Filling,
    counted: { blocks: string[]; counters: Counter[]; filledTo: number | null; ledger: string | null },
  ): Promise<boolean>
  /** Says that a meter owes nothing, unless something was settled or counted since `filling`. Gives whether it did. */
  filled(of: { tenantId: string; meterId: string }, filling: Filling): Promise<boolean>
  /**
   * The same of a revision that is being filled, and from then on it is the meter as it counts: hours from its instant on are
   * read from it, the others from where they were. If events of those hours were erased, or are being, it is cancelled instead: what
   * it counted may lack them. Gives the configuration's version after it; null: it did neither.
   */
  switchOver(
    of: { tenantId: string; meterId: string },
    filling: Filling,
  ): Promise<{ version: number; isSwitched: boolean } | null>
  /** Of those of these meters (ids) that are being filled. */
  progress(tenantId: string, meterIds: string[]): Promise<Map<string, FillProgress>>
}
