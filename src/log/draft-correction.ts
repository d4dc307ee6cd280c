// A correction of many events: a draft that fixes its blocks and tells its effect; applied, when the effect still is what was
// shown; and taken back.

import { TollgateError } from '../kernel/errors.ts'
import type { NewId } from '../kernel/ids.ts'
import type { Correction } from './act.ts'
import type { ActServices } from './act-blocks.ts'
import { tooMuch } from './act-changes.ts'
import { computeAct, keptEffect } from './compute-act.ts'
import type { Asked, KeptCorrection, KeptEffect } from './correction.ts'
import type { CounterChange, Effect, MoneyEffect } from './effect.ts'
import { enterAct } from './enter-act.ts'
import { ACT_BLOCKS, ACT_TRIES } from './limits.ts'
import { type NotingServices, noteActs } from './note-acts.ts'
import type { LogIndex } from './ports.ts'

export type CorrectionServices = ActServices & NotingServices & { logIndex: LogIndex }

/** What changes of counters would come to: billing knows. */
export type Drafting = CorrectionServices & {
  priceEffect: (changes: CounterChange[]) => Promise<MoneyEffect>
}

/**
 * `effect`: in full, as it is now. Throws state_conflict where no settled event is taken, too_much_at_once, validation_failed,
 * before_the_log and events_erased.
 */
export async function draftCorrection(
  services: Drafting,
  { tenantId, newId }: { tenantId: string; newId: NewId },
  asked: Asked,
): Promise<{ correction: KeptCorrection; effect: Effect }> {
  const correction = { ...asked, correction: newId() }
  const names = await blocksFor(services, tenantId, asked)
  const { blocks, effect } = await computed(services, tenantId, correction, names)
  if (effect.events === 0) throw nothing()
  const made = { ...correction, state: 'draft' as const, blocks, events: effect.events }
  return {
    correction: await services.corrections.create(tenantId, {
      ...made,
      effect: await told(services, effect),
    }),
    effect,
  }
}

const told = async ({ priceEffect }: Drafting, effect: Effect): Promise<KeptEffect> => ({
  ...keptEffect(effect),
  money: await priceEffect(effect.changes),
})

async function blocksFor(
  { logIndex }: CorrectionServices,
  tenantId: string,
  { filter }: Asked,
): Promise<string[]> {
  const found = await logIndex.findBlocks(
    { tenantId, filter: { ...filter, text: null }, order: 'asc', after: null, limit: ACT_BLOCKS },
    { segments: [], sinceMicros: null },
  )
  if (found.blocks.length > ACT_BLOCKS) throw tooMuch(`more than ${ACT_BLOCKS} blocks of the log`)
  return found.blocks.map(({ name }) => name)
}

async function computed(
  services: CorrectionServices,
  tenantId: string,
  correction: Correction,
  names: string[],
) {
  for (let tries = 0; tries < ACT_TRIES; tries++) {
    const act = await computeAct(services, tenantId, { correction, kind: 'apply', took: null }, names)
    if (act !== null && act !== 'entered') return act
  }
  throw new TollgateError('store_unavailable', 'Other corrections came first each time. Send it again.', {
    retryAfterSeconds: 2,
  })
}

/** Applying it again is a success. Throws effect_changed, and then the draft has the new effect; and state_conflict. */
export async function applyCorrection(
  services: Drafting,
  tenantId: string,
  id: string,
): Promise<KeptCorrection> {
  const correction = await correctionOf(services, tenantId, id)
  if (correction.state === 'applied') return await after(services, tenantId, id, 'applied')
  if (correction.state !== 'draft') throw wrongState(correction, 'applied')
  const { blocks, effect } = correction
  const entered = await enterAct(services, tenantId, {
    kind: 'apply',
    correction,
    blocks,
    digest: effect.digest,
  })
  if (entered.kind === 'nothing') throw nothing()
  if (entered.kind === 'another') {
    const { effect: now } = entered.act
    const drafted = { events: now.events, effect: await told(services, now) }
    if (await services.corrections.redraft(tenantId, id, drafted)) throw effectChanged(correction, now)
  }
  return await after(services, tenantId, id, 'applied')
}

/** Of one that waits: it is cancelled. Taking it back again is a success. Throws state_conflict, events_erased. */
export async function revertCorrection(
  services: CorrectionServices,
  tenantId: string,
  id: string,
): Promise<KeptCorrection> {
  let correction = await correctionOf(services, tenantId, id)
  if (correction.state === 'wanted' || correction.state === 'offered') {
    await services.corrections.move(tenantId, id, correction.state, { state: 'cancelled' })
    correction = await correctionOf(services, tenantId, id)
  }
  if (correction.state === 'reverted' || correction.state === 'cancelled')
    return await after(services, tenantId, id, correction.state)
  if (correction.state !== 'applied') throw wrongState(correction, 'reverted')
  await enterAct(services, tenantId, {
    kind: 'revert',
    correction,
    blocks: correction.blocks,
    digest: null,
  })
  return await after(services, tenantId, id, 'reverted')
}

/** As it is by now: entered here, or by somebody else at the same time. What is answered is noted. */
async function after(
  services: CorrectionServices,
  tenantId: string,
  id: string,
  state: 'applied' | 'reverted' | 'cancelled',
): Promise<KeptCorrection> {
  const correction = await correctionOf(services, tenantId, id)
  if (correction.state !== state) throw wrongState(correction, state)
  await noteActs(services, tenantId, id, state)
  return correction
}

/** Throws not_found. */
export async function correctionOf(
  { corrections }: Pick<CorrectionServices, 'corrections'>,
  tenantId: string,
  id: string,
): Promise<KeptCorrection> {
  const correction = await corrections.find(tenantId, id)
  if (correction !== null) return correction
  throw new TollgateError('not_found', `There is no correction ${id}. GET /api/v1/corrections lists yours.`)
}

const nothing = () =>
  new TollgateError(
    'state_conflict',
    'No event is taken by it: none that is settled matches, as the events stand. What was accepted in the last two minutes may not be settled yet.',
  )

const wrongState = ({ state, refusal }: KeptCorrection, to: 'applied' | 'reverted' | 'cancelled') =>
  new TollgateError(
    'state_conflict',
    `The correction is ${state}${refusal === null ? '' : ` (${refusal})`}, and can’t be ${to}.`,
  )

const effectChanged = (shown: KeptCorrection, now: Effect) =>
  new TollgateError(
    'effect_changed',
    `It takes ${now.events} events and changes ${now.changes.length} counters by now, which is not what was shown (${shown.events} events). The draft has the new figures: apply it again if they are right.`,
  )
