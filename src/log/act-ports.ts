// What corrections need of Postgres: what they are computed from, and one statement that enters an act.

import type { PageRequest } from '../kernel/page.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { Act } from './act.ts'
import type { CorrectionState, KeptCorrection, KeptEffect, NewCorrection } from './correction.ts'
import type { Amounts, CounterChange, CounterPlace } from './effect.ts'
import type { FoundBlock } from './ports.ts'

/** What an act is computed from, at one instant. */
export type Ground = {
  config: TenantConfig
  /** Another one after every act. */
  ledger: string
  /** From then on all that arrived is in the log: -Infinity from the tenant's beginning; null: nothing is known to be. */
  logSinceMs: number | null
  /** Since when usage has its hours; null: since the beginning. */
  hoursFromMs: number | null
  /** Those of the blocks asked for that are in the index. */
  blocks: FoundBlock[]
  /** the acts that took one of these blocks, in their order */
  acts: Act[]
  /** By meter (its id), when it was made (µs): it owes blocks that begin later, whether it reaches back or not. */
  bornMicros: ReadonlyMap<string, number>
  /** `meter block`: of meters that are archived, the blocks that were counted into them from the log */
  replayed: ReadonlySet<string>
}

/** `mark`: another one after every change of the row, whatever its values; null: there is no such row. */
export type MarkedRow = CounterPlace & { mark: string | null; amounts: Amounts | null }

/** Which rows are counted anew, and every block that may hold events of their customers and hours: at one instant. */
export type Marked = { rows: MarkedRow[]; blocks: FoundBlock[] }

/** All of an act that Postgres is told. It is entered as a whole, on every condition in it, or not at all. */
export type NewAct = {
  correction: string
  kind: Act['kind']
  /** the state that the correction must be in */
  from: CorrectionState
  ledger: string
  configVersion: number
  meters: string[]
  blocks: string[]
  events: number
  effect: KeptEffect
  /** what adds */
  changes: CounterChange[]
  /** what is counted anew, with the marks that the rows must have still */
  marked: MarkedRow[]
  /** where events are found from now on, too */
  found: FoundAt[]
  /** What is less than was billed is to be a credit note at once. */
  asCreditNote: boolean
}

/** A block that holds events which are of other customers now, or of another time. */
export type FoundAt = { block: string; customers: string[]; timestampMs: [number, number] | null }

/**
 * `overtaken`: something that it was computed from is another one by now.
 * `state`: the correction is not in the state that it must be in (null: there is none).
 */
export type EnterOutcome =
  | { kind: 'entered'; number: number }
  | { kind: 'overtaken' }
  | { kind: 'state'; state: CorrectionState | null }

export interface CorrectionStore {
  create(tenantId: string, correction: NewCorrection): Promise<KeptCorrection>
  find(tenantId: string, id: string): Promise<KeptCorrection | null>
  /** The newest first, one more than the page holds if there is one. */
  list(tenantId: string, page: PageRequest): Promise<KeptCorrection[]>
  /** What is wanted, of any tenant, the oldest first, after this one. */
  wanted(after: string | null, limit: number): Promise<{ tenantId: string; correction: KeptCorrection }[]>
  /** Moves one that changed nothing yet, if it is in this state; gives whether it was. */
  move(
    tenantId: string,
    id: string,
    from: 'draft' | 'wanted' | 'offered',
    to: { state: 'cancelled' } | { state: 'refused'; refusal: string },
  ): Promise<boolean>
  /** Gives a draft the effect that it has by now. Gives whether it still was a draft. */
  redraft(tenantId: string, id: string, of: { events: number; effect: KeptEffect }): Promise<boolean>
  ground(tenantId: string, blocks: string[]): Promise<Ground>
  mark(tenantId: string, places: CounterPlace[], limit: number): Promise<Marked>
  enter(tenantId: string, act: NewAct): Promise<EnterOutcome>
}
