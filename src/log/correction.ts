// A correction as it is kept: what was asked for, and what became of it.

import type { Correction } from './act.ts'
import type { MeterEffect, MoneyEffect } from './effect.ts'

/**
 * draft      it tells its effect, and changes nothing
 * wanted     of one event, that is not settled yet, or was about to be entered: a job enters it
 * offered    it was applied, and Postgres, which was put back, has forgotten that: a job enters it again
 * applied    it is in every figure
 * reverted   it was, and was taken back
 * cancelled  it was taken back before it was entered
 * refused    it could not be entered; `refusal` says why
 */
export const correctionStates = [
  'draft',
  'wanted',
  'offered',
  'applied',
  'reverted',
  'cancelled',
  'refused',
] as const
export type CorrectionState = (typeof correctionStates)[number]

/**
 * `digest`: of all that it changes, to tell whether it still is what was shown. `taken`: stands for the events that an act took.
 * `money`: of a draft, as it was when it was made.
 */
export type KeptEffect = { meters: MeterEffect[]; digest: string; taken?: string; money?: MoneyEffect }

export type KeptCorrection = Correction & {
  state: CorrectionState
  /** names of the blocks that it takes; of one that is wanted none yet */
  blocks: string[]
  events: number
  effect: KeptEffect
  /** What is less than was billed is to be a credit note at once. */
  asCreditNote: boolean
  refusal: string | null
  createdAt: Date
  appliedAt: Date | null
  revertedAt: Date | null
}

export type NewCorrection = Correction &
  Pick<KeptCorrection, 'blocks' | 'events' | 'effect' | 'asCreditNote'> & { state: 'draft' | 'wanted' }

/** What is asked for. */
export type Asked = Omit<Correction, 'correction'> & Pick<KeptCorrection, 'asCreditNote'>

export const NO_EFFECT: KeptEffect = { meters: [], digest: '' }
