// The corrections that wait: those that Postgres had forgotten first, and then each that waits for its event, once no copy of that
// is hot. A run is bounded, and may be cut off anywhere, or be one of several.

import { TollgateError } from '../kernel/errors.ts'
import type { Act } from './act.ts'
import type { BlockStore } from './block-store.ts'
import { type CorrectEventServices, enterWanted } from './correct-event.ts'
import type { KeptCorrection } from './correction.ts'
import { enterAllOffered, type OfferedServices } from './enter-offered.ts'
import { WANTED_PAGES_PER_RUN, WANTED_PER_PAGE } from './limits.ts'
import { noteActs } from './note-acts.ts'

/** `blocks`: null where there is no log, and nothing to correct. */
export type EnterJobServices = Omit<CorrectEventServices & OfferedServices, 'blocks'> & {
  blocks: BlockStore | null
}

/** `entered`: those of which it is settled what becomes of them; `waiting`: whether one waits still. */
export type EnterReport = {
  entered: number
  waiting: boolean
  failed: { id: string; reason: unknown }[]
  /** acts that Postgres had forgotten, and that can't be entered again */
  refused: { id: string; kind: Act['kind']; reason: string }[]
}

export async function enterAllWanted(services: EnterJobServices): Promise<EnterReport> {
  const report: EnterReport = { entered: 0, waiting: false, failed: [], refused: [] }
  const { blocks } = services
  if (blocks === null) return report
  await enterAllOffered({ ...services, blocks }, report)
  let after: string | null = null
  for (let page = 0; page < WANTED_PAGES_PER_RUN; page++) {
    const wanted = await services.corrections.wanted(after, WANTED_PER_PAGE)
    await enterEach({ ...services, blocks }, wanted, report)
    if (wanted.length < WANTED_PER_PAGE) break
    after = wanted.at(-1)!.correction.correction
  }
  report.waiting ||= report.failed.length > 0
  return report
}

type Wanted = Awaited<ReturnType<EnterJobServices['corrections']['wanted']>>

async function enterEach(services: CorrectEventServices, wanted: Wanted, report: EnterReport): Promise<void> {
  for (const { tenantId, correction } of wanted) {
    try {
      if (await isSettled(services, tenantId, correction)) report.entered++
      else report.waiting = true
    } catch (reason) {
      report.failed.push({ id: correction.correction, reason })
    }
  }
}

/** Whether it is settled what becomes of it, and noted. */
async function isSettled(
  services: CorrectEventServices,
  tenantId: string,
  correction: KeptCorrection,
): Promise<boolean> {
  try {
    if (!(await enterWanted(services, tenantId, correction))) return false
  } catch (reason) {
    if (!(reason instanceof TollgateError) || reason.code === 'store_unavailable') throw reason
  }
  const now = await services.corrections.find(tenantId, correction.correction)
  if (now?.state === 'applied' || now?.state === 'refused')
    await noteActs(services, tenantId, correction.correction, now.state)
  return true
}
