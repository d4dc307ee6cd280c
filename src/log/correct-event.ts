// A correction of one event. What is settled is corrected at once; what is hot waits for the flush that settles its last copy,
// for Redis may lose it still, and nothing is derived from what may be lost.

import { TollgateError } from '../kernel/errors.ts'
import type { NewId } from '../kernel/ids.ts'
import { HOUR_MS } from '../kernel/time.ts'
import type { Limits } from '../metering/limits.ts'
import { dedupeWindowMs, type TenantConfig } from '../metering/meter.ts'
import type { CounterStore } from '../metering/ports.ts'
import { type Correction, corrected, type EventChange } from './act.ts'
import { ActChanges } from './act-changes.ts'
import { type KeptCorrection, NO_EFFECT } from './correction.ts'
import { type CorrectionServices, correctionOf } from './draft-correction.ts'
import { enterAct } from './enter-act.ts'
import { copiesOf } from './event-copies.ts'
import { WANTED_HOURS } from './limits.ts'
import { noteActs } from './note-acts.ts'

export type CorrectEventServices = CorrectionServices & {
  counters: Pick<CounterStore, 'readLog'>
  clock: () => number
  limits: Limits
}

type OneAsked = {
  id: string
  action: 'void' | 'amend'
  set: EventChange
  reason: string
  asCreditNote: boolean
}

/** How long after an event is old enough to be settled it will have been, and its correction entered: two runs of the job. */
const RUNS_MS = 120_000

/** `byMs`: when it will be in every figure; null: it is. Throws not_found, state_conflict and what computing an act throws. */
export async function correctEvent(
  services: CorrectEventServices,
  { tenant, newId }: { tenant: TenantConfig; newId: NewId },
  { id, action, set, reason, asCreditNote }: OneAsked,
): Promise<{ correction: KeptCorrection; byMs: number | null }> {
  const { clock, limits } = services
  const { tenantId } = tenant
  const copies = await copiesOf(services, tenantId, { eventId: id, receivedFrom: 0 })
  if (copies.newest === null)
    throw new TollgateError(
      'not_found',
      `No event with the id ${JSON.stringify(id)} was accepted, as far as the log goes.`,
    )
  // Copies within the time that an id is known for are one event; what came before that was another with the same id.
  const receivedFrom = copies.newest.receivedMicros - (dedupeWindowMs(tenant) ?? limits.dedupeWindowMs) * 1000
  const asked: Correction & { asCreditNote: boolean } = {
    asCreditNote,
    correction: newId(),
    action,
    set,
    reason,
    filter: {
      eventId: id,
      receivedFrom,
      customerId: null,
      resourceType: null,
      fromMs: null,
      toMs: null,
      properties: [],
    },
  }
  // What no meter would take is said at once, also of an event that waits.
  const [before, after] = [copies.newest, corrected(copies.newest, asked)]
  const counting = { config: tenant, bornMicros: new Map<string, number>(), replayed: new Set<string>() }
  new ActChanges(counting, '#').take({ entry: before, block: null, before, after })
  const made = { ...asked, state: 'wanted' as const, blocks: [], events: 0, effect: NO_EFFECT }
  const correction = await services.corrections.create(tenantId, made)
  if (copies.hot > 0 && correction.state === 'wanted') {
    await noteActs(services, tenantId, correction.correction, 'wanted')
    const settledMs = copies.newest.receivedMicros / 1000 + limits.settleAfterMs
    return { correction, byMs: Math.floor(Math.max(clock(), settledMs) + RUNS_MS) }
  }
  if (correction.state === 'wanted') await enterWanted(services, tenantId, correction)
  const now = await correctionOf(services, tenantId, correction.correction)
  if (now.state === 'applied' || now.state === 'wanted') {
    await noteActs(services, tenantId, now.correction, now.state)
    return { correction: now, byMs: now.state === 'applied' ? null : clock() + RUNS_MS }
  }
  throw new TollgateError('state_conflict', now.refusal ?? `The correction is ${now.state}.`)
}

/**
 * Enters what is wanted, if none of its event's copies is hot any more; what can't be entered at all is refused, and says why.
 * Gives whether it is settled what becomes of it. Throws store_unavailable, and what it was refused for.
 */
export async function enterWanted(
  services: CorrectEventServices,
  tenantId: string,
  correction: KeptCorrection,
): Promise<boolean> {
  const { eventId, receivedFrom } = correction.filter
  const copies = await copiesOf(services, tenantId, { eventId: eventId!, receivedFrom })
  if (copies.hot > 0) return false
  const id = correction.correction
  const refuse = (refusal: string) =>
    services.corrections.move(tenantId, id, 'wanted', { state: 'refused', refusal })
  if (copies.blocks.length === 0) {
    const waitsMs = services.clock() - correction.createdAt.getTime()
    return waitsMs > WANTED_HOURS * HOUR_MS && (await refuse(LOST))
  }
  try {
    const entering = { kind: 'apply' as const, correction, blocks: copies.blocks, digest: null }
    const entered = await enterAct(services, tenantId, entering)
    if (entered.kind === 'nothing') await refuse(VOIDED)
    return true
  } catch (error) {
    if (!(error instanceof TollgateError) || error.code === 'store_unavailable') throw error
    const where = error.issues.map(({ pointer, detail }) => ` ${pointer} ${detail}`).join(';')
    await refuse(`${error.detail}${where}`)
    throw error
  }
}

const LOST = 'The event is not in the log: the counter store lost it before it was settled.'
const VOIDED = 'The event is voided already.'
