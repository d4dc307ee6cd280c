// What acts need of the stores to outlive a Postgres that is put back: the counter store notes them for a while, and Postgres is
// offered those that it has forgotten, which a job then enters again.

import type { Correction } from './act.ts'
import type { KeptCorrection } from './correction.ts'

/**
 * want                 the correction waits for its event to be settled
 * apply, revert        an act
 * cancelled, refused   it waited, and never was one
 */
export type NoteKind = 'want' | 'apply' | 'revert' | 'cancelled' | 'refused'

/** The correction whole, but for its effect, which is computed anew. */
export type NotedCorrection = Correction &
  Pick<KeptCorrection, 'events' | 'asCreditNote' | 'refusal'> & {
    /** as Postgres writes it */
    createdAt: string
  }

export type ActNote = {
  kind: NoteKind
  /** when it was entered: µs by Postgres's clock, another one if it is entered again; empty for what is no act */
  at: string
  correction: NotedCorrection
  /** names of the blocks that the act took */
  blocks: string[]
  /** stands for the events that it took */
  taken: string | null
}

/** `waiting`: of the tenant's acts that are offered, in their order. */
export type ToNote = { notes: ActNote[]; waiting: Pick<OfferedAct, 'correction' | 'kind'>[] }

/** In the counter store. */
export interface ActNotes {
  /** `mark`: another one whenever acts are offered again; `toMicros`: all that Postgres entered before is noted (0: nothing is known of it). */
  actsNoted(tenantId: string): Promise<{ mark: string; toMicros: number }>
  /**
   * These, in their order, after all that are noted; one that is noted stays where it is. What waits to be entered again moves behind
   * them: that is how it will be in the ledger. Gives false, and notes nothing, if acts
   * were offered again since `mark`: then Postgres may have been put back since they were read.
   */
  noteActs(tenantId: string, notes: ToNote, mark: string): Promise<boolean>
  /** Moves the mark, and gives the tenants of the partition that have notes. */
  offerActs(partition: number): Promise<string[]>
  /** Of a tenant in a partition, in the order in which they were noted, after this position. */
  notedActs(
    partition: number,
    tenantId: string,
    after: number,
    limit: number,
  ): Promise<{ position: number; note: ActNote }[]>
}

/** An act that Postgres had forgotten, and that waits to be entered again. */
export type OfferedAct = {
  tenantId: string
  /** in the order of the ledger, within a tenant */
  position: number
  correction: string
  kind: 'apply' | 'revert'
  blocks: string[]
  taken: string | null
  /** since it was offered, by Postgres's clock */
  waitsMs: number
}

/** What the index says by now of segments that an act took events of. */
export type OfferedGround = {
  ledger: string
  /** those of the segments that are settled */
  settled: ReadonlySet<string>
  /** names of the tenant's blocks of these segments */
  blocks: string[]
}

export interface OfferedActStore {
  /** What is to be noted of a tenant: the acts from then on, in their order, and what became of this correction. */
  toNote(tenantId: string, fromMicros: number, correction: string): Promise<ToNote>
  /** What Postgres knows stays as it is. Gives how many acts it had forgotten. */
  offer(tenantId: string, notes: { position: number; note: ActNote }[]): Promise<number>
  /** Of any tenant, by tenant and position, after this one. */
  list(after: Pick<OfferedAct, 'tenantId' | 'position'> | null, limit: number): Promise<OfferedAct[]>
  ground(tenantId: string, segments: string[]): Promise<OfferedGround>
  /** Waits no more, if it is entered or never will be. */
  drop(act: OfferedAct): Promise<void>
  /**
   * Says of the correction why it could not be entered, if the ledger is this one still, and all of these segments are settled, or not
   * all are: a Postgres that was put back again is another one. Gives whether it did.
   */
  refuse(
    act: OfferedAct,
    seen: { ledger: string; segments: string[]; allSettled: boolean },
    refusal: string,
  ): Promise<boolean>
}
