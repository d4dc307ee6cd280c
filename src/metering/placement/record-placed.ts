// Recording by a tenant's placement: former homes are asked first which ids they know, and what they don't know goes to the home.

import type { RecordBatch, RecordOutcome, Verdict } from '../ports.ts'
import { Moved, placed } from './placed.ts'
import { formerOf, type Placement } from './placement.ts'
import type { Placements } from './ports.ts'
import { type Outcomes, type Part, partOf, partsOf, wholeOutcome } from './split-batch.ts'

/** A batch with where it goes, and by which placement of the tenant. */
export type PlacedBatch = RecordBatch & {
  /** `database`: which one has the partition, for whoever does not know that */
  at: { partition: number; database?: string; placement: Placement }
}

export type PlacedOutcome =
  | RecordOutcome
  /** the partition knows a later placement (its text): nothing was counted */
  | { kind: 'moved'; known: string }

export interface RecordingPartitions {
  /** Counts what is new, unless the partition knows a later placement. */
  recordIn(batch: PlacedBatch): Promise<PlacedOutcome>
  /** Which ids a former home knows: it is frozen in the same step. A verdict an event, `accepted` for what it doesn't know. */
  lookUp(
    batch: PlacedBatch,
  ): Promise<Moved | { kind: 'stale_config'; version: number } | { kind: 'seen'; verdicts: Verdict[] }>
}

type Services = { placements: Placements; partitions: RecordingPartitions }

/**
 * Each part of a batch, one a home, is recorded or refused by itself. One that is refused for a later placement is taken apart anew
 * by that, and it alone.
 */
export async function recordPlaced(services: Services, batch: RecordBatch): Promise<RecordOutcome> {
  return await placed(services.placements, batch.tenantId, async (placement) => {
    const parts = partsOf(batch, placement)
    if (parts.length === 1) return await recordPart(services, parts[0]!, placement)
    const outcomes: Outcomes = await Promise.all(
      parts.map(async (part) => {
        const outcome = await recordPart(services, part, placement)
        if (!(outcome instanceof Moved)) return { events: part.events, outcome }
        await services.placements.learn(batch.tenantId, outcome.placement)
        return { events: part.events, outcome: await recordPlaced(services, part.batch) }
      }),
    )
    return wholeOutcome(outcomes, batch.events.length)
  })
}

async function recordPart(
  { partitions }: Services,
  { home, batch }: Part,
  placement: Placement,
): Promise<RecordOutcome | Moved> {
  const verdicts: Verdict[] = batch.events.map(() => 'accepted')
  const looks = await Promise.all(
    formerOf(placement, home).map((partition) =>
      partitions.lookUp({ ...batch, at: { partition, placement } }),
    ),
  )
  for (const look of looks) if (look instanceof Moved) return look
  for (const look of looks) {
    if (look instanceof Moved) continue
    if (look.kind === 'stale_config') return look
    for (const [event, verdict] of look.verdicts.entries())
      if (verdict !== 'accepted') verdicts[event] = verdict
  }
  if (batch.handling === 'strict' && verdicts.includes('conflict')) return { kind: 'refused', verdicts }
  const unknown = [...verdicts.keys()].filter((event) => verdicts[event] === 'accepted')
  if (unknown.length === 0 && verdicts.length > 0) return { kind: 'recorded', verdicts }
  const outcome = await partitions.recordIn({ ...partOf(batch, unknown), at: { partition: home, placement } })
  if (outcome.kind === 'moved') return new Moved(outcome.known)
  if (!('verdicts' in outcome) || unknown.length === verdicts.length) return outcome
  for (const [i, event] of unknown.entries()) verdicts[event] = outcome.verdicts[i]!
  return { kind: outcome.kind, verdicts }
}
