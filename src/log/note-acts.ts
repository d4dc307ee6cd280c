// Before a correction is answered, the counter store notes what became of it, and with it every act that was entered before and is
// not noted: so notes are a beginning of the ledger, whoever was cut off between entering an act and noting it.

import { TollgateError } from '../kernel/errors.ts'
import type { Limits } from '../metering/limits.ts'
import type { CorrectionState } from './correction.ts'
import { ACT_NOTE_SLACK_MICROS, ACT_TRIES } from './limits.ts'
import type { ActNote, ActNotes, NoteKind, OfferedActStore } from './offered-ports.ts'

export type NotingServices = {
  counters: ActNotes
  offered: OfferedActStore
  limits: Pick<Limits, 'keepSettledMs'>
}

type Told = Exclude<CorrectionState, 'draft' | 'offered'>

const NOTED_AS: Record<Told, NoteKind[]> = {
  // Somebody may have gone on with it meanwhile: any word of it will do.
  wanted: ['want', 'apply', 'cancelled', 'refused'],
  applied: ['apply'],
  reverted: ['revert'],
  cancelled: ['cancelled'],
  refused: ['refused'],
}

/** Throws store_unavailable where Postgres does not know of it any more, which was put back meanwhile: then it must not be answered. */
export async function noteActs(
  { counters, offered, limits }: NotingServices,
  tenantId: string,
  correction: string,
  told: Told,
): Promise<void> {
  if (limits.keepSettledMs <= 0) return
  const isIts = ({ kind, correction: of }: ActNote) =>
    of.correction === correction && NOTED_AS[told].includes(kind)
  for (let tries = 0; tries < ACT_TRIES; tries++) {
    const { mark, toMicros } = await counters.actsNoted(tenantId)
    const from = Math.max(0, toMicros - ACT_NOTE_SLACK_MICROS)
    const found = await offered.toNote(tenantId, from, correction)
    if (!found.notes.some(isIts)) break
    if (await counters.noteActs(tenantId, found, mark)) return
  }
  throw new TollgateError(
    'store_unavailable',
    'Postgres was put back to an earlier point meanwhile. Look at the correction again, or send the same request again.',
    { retryAfterSeconds: 2 },
  )
}
