// Entering an act: it is computed, and one statement enters it if all that it was computed from is the same still. If not, it is
// computed anew.

import { TollgateError } from '../kernel/errors.ts'
import { countingMeters } from '../metering/meter.ts'
import type { ActServices } from './act-blocks.ts'
import { type ComputedAct, computeAct, keptEffect } from './compute-act.ts'
import type { CorrectionState, KeptCorrection } from './correction.ts'
import { ACT_TRIES } from './limits.ts'

export type Entered =
  | { kind: 'entered'; act: ComputedAct }
  /** it takes no event */
  | { kind: 'nothing' }
  /** it would take, or change, something else than was expected */
  | { kind: 'another'; act: ComputedAct }
  | { kind: 'state'; state: CorrectionState | null }

export type Entering = {
  kind: 'apply' | 'revert'
  correction: KeptCorrection
  /** names of the blocks to look through */
  blocks: string[]
  /** the effect that it must have; null: any */
  digest: string | null
  /** the events that it must take; null: any */
  taken?: string | null
}

const FROM: Record<Entering['kind'], CorrectionState[]> = {
  apply: ['draft', 'wanted', 'offered'],
  revert: ['applied'],
}

/** Throws what computeAct throws, and store_unavailable where something else came first each time. */
export async function enterAct(
  services: ActServices,
  tenantId: string,
  { kind, correction, blocks, digest, taken = null }: Entering,
): Promise<Entered> {
  if (!FROM[kind].includes(correction.state)) return { kind: 'state', state: correction.state }
  const took = kind === 'revert' ? correction.events : null
  for (let tries = 0; tries < ACT_TRIES; tries++) {
    const act = await computeAct(services, tenantId, { correction, kind, took }, blocks)
    if (act === null) continue
    if (act === 'entered') return { kind: 'state', state: kind === 'apply' ? 'applied' : 'reverted' }
    if (act.effect.events === 0) return { kind: 'nothing' }
    const { money } = correction.effect
    const effect = { ...keptEffect(act.effect), taken: act.taken, ...(money && { money }) }
    if (taken !== null && act.taken !== taken) return { kind: 'another', act }
    if (digest !== null && effect.digest !== digest) return { kind: 'another', act }
    const outcome = await services.corrections.enter(tenantId, {
      correction: correction.correction,
      kind,
      from: correction.state,
      ledger: act.ground.ledger,
      configVersion: act.ground.config.version,
      meters: countingMeters(act.ground.config).map(({ id }) => id),
      blocks: act.blocks,
      events: act.effect.events,
      effect,
      changes: act.effect.changes,
      marked: act.marked,
      found: act.found,
      asCreditNote: correction.asCreditNote,
    })
    if (outcome.kind === 'state') return outcome
    if (outcome.kind === 'overtaken') continue
    return { kind: 'entered', act }
  }
  throw busy()
}

const busy = () =>
  new TollgateError(
    'store_unavailable',
    'Other corrections, or usage of the same hours, came first each time. Send the same request again.',
    { retryAfterSeconds: 2 },
  )
