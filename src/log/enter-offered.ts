// Acts that Postgres had forgotten and was offered again: each is entered once its blocks are in the index again, which come back as
// their segments are settled once more. One that can't be is refused, and says why. A run is bounded, and may be cut off anywhere.

import { TollgateError } from '../kernel/errors.ts'
import { HOUR_MS } from '../kernel/time.ts'
import type { CounterStore } from '../metering/ports.ts'
import type { ActServices } from './act-blocks.ts'
import type { KeptCorrection } from './correction.ts'
import { enterAct } from './enter-act.ts'
import type { EnterReport } from './enter-wanted.ts'
import { ACT_NOTES_AT_ONCE, OFFERED_PAGES_PER_RUN, WANTED_HOURS } from './limits.ts'
import { type NotingServices, noteActs } from './note-acts.ts'
import type { OfferedAct } from './offered-ports.ts'

export type OfferedServices = ActServices & NotingServices & { counters: Pick<CounterStore, 'knownSegments'> }

const segmentsOf = (blocks: string[]): string[] => [
  ...new Set(blocks.map((name) => name.slice(0, name.indexOf('/')))),
]

export async function enterAllOffered(services: OfferedServices, report: EnterReport): Promise<void> {
  const { offered } = services
  /** `tenant segment`: what an act waits for or takes that is not entered yet; those after it wait, too. */
  const held = new Set<string>()
  let after: OfferedAct | null = null
  for (let page = 0; page < OFFERED_PAGES_PER_RUN; page++) {
    const acts: OfferedAct[] = await offered.list(after, ACT_NOTES_AT_ONCE)
    for (const act of acts) await enterOffered(services, act, held, report)
    if (acts.length < ACT_NOTES_AT_ONCE) return
    after = acts.at(-1)!
  }
  report.waiting = true
}

async function enterOffered(
  services: OfferedServices,
  act: OfferedAct,
  held: Set<string>,
  report: EnterReport,
): Promise<void> {
  const { tenantId } = act
  const correction = await services.corrections.find(tenantId, act.correction)
  // A revert takes what its correction took, whichever life of it that was.
  const names = act.kind === 'revert' && correction?.blocks.length ? correction.blocks : act.blocks
  const places = segmentsOf(names).map((segment) => `${tenantId} ${segment}`)
  const wait = () => {
    for (const place of places) held.add(place)
    report.waiting = true
  }
  if (places.some((place) => held.has(place))) return wait()
  // Its apply comes after it: noted so by a run that was cut off.
  if (act.kind === 'revert' && correction?.state === 'offered') {
    report.waiting = true
    return
  }
  try {
    const became = correction === null ? 'entered' : await become(services, act, correction, names)
    if (became === 'waits') return wait()
    if (became !== 'entered')
      report.refused.push({ id: act.correction, kind: act.kind, reason: became.refused })
    report.entered++
  } catch (reason) {
    wait()
    report.failed.push({ id: act.correction, reason })
  }
}

/** Throws store_unavailable, and whatever is no refusal. */
async function become(
  services: OfferedServices,
  act: OfferedAct,
  correction: KeptCorrection,
  names: string[],
): Promise<'entered' | 'waits' | { refused: string }> {
  const { counters, offered } = services
  const { tenantId, kind } = act
  const segments = segmentsOf(names)
  // The counter store first: what is settled in between is in the index.
  const known = await counters.knownSegments(segments.map((segment) => ({ segment, tenantId })))
  const ground = await offered.ground(tenantId, segments)
  const { ledger } = ground
  const lacking = segments.filter((segment) => !ground.settled.has(segment))
  const refuse = async (refusal: string) => {
    const seen = { ledger, segments, allSettled: lacking.length === 0 }
    if (!(await offered.refuse(act, seen, refusal))) return 'waits' as const
    if (kind === 'apply') await noteActs(services, tenantId, act.correction, 'refused')
    return { refused: refusal }
  }
  const mayCome = act.waitsMs < WANTED_HOURS * HOUR_MS
  if (mayCome && lacking.some((segment) => known.has(segment))) return 'waits'
  if (lacking.length > 0) return refuse(gone(lacking.length))
  const there = new Set(ground.blocks)
  // A run that cut a segment otherwise made other blocks of the same events.
  const blocks = names.every((name) => there.has(name)) ? names : ground.blocks
  try {
    const entering = { kind, correction, blocks, digest: null, taken: act.taken }
    const entered = await enterAct(services, tenantId, entering)
    if (entered.kind === 'nothing' || entered.kind === 'another') return refuse(OTHERS)
  } catch (error) {
    if (!(error instanceof TollgateError) || error.code === 'store_unavailable') throw error
    const where = error.issues.map(({ pointer, detail }) => ` ${pointer} ${detail}`).join(';')
    return refuse(`${BACK} ${error.detail}${where}`)
  }
  const now = await services.corrections.find(tenantId, act.correction)
  const told = kind === 'apply' ? 'applied' : 'reverted'
  if (now?.state === told) await noteActs(services, tenantId, act.correction, told)
  await offered.drop(act)
  return 'entered'
}

const BACK = 'Postgres was put back to before it was entered, and it could not be entered again:'
const gone = (segments: number): string =>
  `${BACK} events that it took are in neither store any more (${segments} ${segments === 1 ? 'segment' : 'segments'}).`
const OTHERS = `${BACK} it would take other events than it took. Some were erased, or corrected otherwise since. Make it again if it is still right.`
