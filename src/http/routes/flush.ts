// The aggregator, for the operator: run it now, or see how it stands.

import { z } from 'zod'
import { rfc3339 } from '../../kernel/time.ts'
import { reofferErasures } from '../../log/ask-erasure.ts'
import { type EnterReport, enterAllWanted } from '../../log/enter-wanted.ts'
import { type EraseReport, eraseEvents } from '../../log/erase-events.ts'
import { type FillReport, fillMeters } from '../../log/fill-meters.ts'
import { reofferActs } from '../../log/offer-acts.ts'
import { type FlushReport, flush } from '../../metering/flush.ts'
import type { PartitionState } from '../../metering/ports.ts'
import { reoffer } from '../../metering/reoffer.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { flag } from '../schemas.ts'

const count = (description: string) => z.number().int().meta({ description, example: 0 })
const quarantinedSchema = z.array(
  z.object({ id: z.string(), reason: z.string() }).meta({ id: 'SegmentTrouble' }),
)

const reportSchema = z
  .object({
    settled_segments: count('Segments that this run moved to Postgres.'),
    settled_counters: count('Counters in them.'),
    already_settled: count('Segments that Postgres had from a run that was cut off.'),
    too_young: count('Sealed segments that are not old enough yet.'),
    remaining: count('Segments left for the next run.'),
    dropped: z.array(z.string()).meta({
      description: 'Segments without counters that drop_missing took off the list.',
    }),
    quarantined: quarantinedSchema.meta({
      description:
        'Segments that Postgres refuses for their content: they stay in every bill. And those whose counters Redis has lost.',
    }),
    failed: quarantinedSchema.meta({
      description: 'Segments that could not be settled now. The next run tries again.',
    }),
    leased_partitions: z
      .array(z.number().int())
      .meta({ description: 'Partitions that another run is at work on.' }),
    unreachable_databases: z.array(z.string()).meta({
      description: 'Databases of counters that can’t be reached: what is in them waits for the next run.',
    }),
    filling: z
      .object({
        counted_blocks: count('Blocks that were counted.'),
        filled_meters: count('Meters that have counted all now.'),
        failed_meters: count('Meters that could not be filled now. The next run tries again.'),
      })
      .meta({ description: 'Of meters that are filled from the event log.' }),
    correcting: z
      .object({
        entered_corrections: count(
          'Corrections that waited for their event to be settled: those that are applied now, or refused.',
        ),
        failed_corrections: count('Corrections that could not be entered now. The next run tries again.'),
        refused_corrections: z
          .array(
            z
              .object({
                id: z.string(),
                kind: z.enum(['apply', 'revert']).meta({ 'x-name': 'CorrectionActKind' }),
                reason: z.string(),
              })
              .meta({ id: 'CorrectionRefused' }),
          )
          .meta({
            description:
              'Corrections that Postgres had forgotten, was offered again, and can’t have again: `revert`, where they could not be taken back again.',
          }),
      })
      .meta({
        description:
          'Of events that were not settled when they were corrected, and of corrections that were offered again.',
      }),
    erasing: z
      .object({
        blocks: count('Blocks of the event log that were rewritten.'),
        events: count('Events that are out of it.'),
        done_erasures: count('Erasures of which nothing is left.'),
      })
      .meta({ description: 'Of events that are to be erased.' }),
  })
  .meta({ id: 'FlushReport' })

const reofferedSchema = z
  .object({
    offered_segments: count('Segments.'),
    offered_erasures: count('Erasures that Redis knows.'),
    offered_acts: count('Corrections, and reverts of corrections, that Postgres had forgotten.'),
  })
  .meta({ id: 'Reoffered' })

const stateSchema = z
  .object({
    partitions: z.array(
      z.object({
        partition: z.number().int(),
        open_segment: z
          .object({
            id: z.string(),
            counters: z.number().int(),
            bytes: z.number().int(),
            age_seconds: z.number(),
          })
          .nullable(),
        sealed_segments: count('Segments waiting to be settled.'),
        oldest_age_seconds: z
          .number()
          .nullable()
          .meta({ description: 'Age of the oldest segment, open or sealed.' }),
        unsettled_counters: count('Counters in all of them.'),
        last_run: z.iso.datetime().nullable(),
        quarantined: quarantinedSchema,
      }),
    ),
  })
  .meta({ id: 'FlushState' })

export const flushRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/flush',
    id: 'flush',
    tag: 'Operations',
    summary: 'Settle now what is old enough',
    description:
      'What the cron does every minute. Bills don’t depend on it: they hold what is not settled, too.',
    access: 'admin',
    query: z.strictObject({
      retry_quarantined: flag('Try quarantined segments again, too.'),
      drop_missing: flag(
        'Take segments whose counters Redis has lost off the list. The reconciliation goes on naming what was in them.',
      ),
    }),
    responses: { 200: { description: 'What it did.', schema: reportSchema } },
    handle: async (c, { query }) =>
      reply(
        c,
        200,
        reportJson(
          await flush(deps, {
            retryQuarantined: query.retry_quarantined,
            dropMissing: query.drop_missing,
          }),
          await enterAllWanted(deps),
          await fillMeters(deps),
          await eraseEvents(deps),
        ),
      ),
  })

  router.add({
    method: 'post',
    path: '/api/v1/reoffer',
    id: 'reoffer',
    tag: 'Operations',
    summary: 'Offer settled segments again, after Postgres was put back to an earlier point',
    description:
      'Redis keeps settled segments for a while (KEEP_SETTLED_MINUTES). Those that Postgres has lost count again at once, in every bill; the next flush settles them. Those that it has are recognised, and change nothing. Erasures that it has lost are done again. Corrections and reverts of that time which it has lost are entered again, in their order, by the next flushes, each when its events are settled.',
    access: 'admin',
    responses: {
      200: {
        description: 'How many wait to be settled again.',
        schema: reofferedSchema,
      },
    },
    handle: async (c) => {
      // First of all what changes figures, then what erases it; and what is settled again may have events that are to be erased.
      const acts = await reofferActs(deps)
      const erasures = await reofferErasures(deps)
      const segments = await reoffer(deps)
      await enterAllWanted(deps)
      return reply(c, 200, {
        offered_segments: segments,
        offered_erasures: erasures,
        offered_acts: acts,
      })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/flush',
    id: 'readFlushState',
    tag: 'Operations',
    summary: 'What waits to be settled',
    description: 'The open segment and the sealed ones of every partition, and when it was last settled.',
    access: 'admin',
    responses: { 200: { description: 'The state of every partition.', schema: stateSchema } },
    handle: async (c) => {
      const states: PartitionState[] = []
      for (const { id } of await deps.counters.listPartitions()) states.push(await deps.counters.state(id))
      return reply(c, 200, { partitions: states.map(stateJson) })
    },
  })
}

const reportJson = (
  report: FlushReport,
  corrected: EnterReport,
  { blocks, filled, failed }: FillReport,
  erased: EraseReport,
) => ({
  settled_segments: report.settledSegments,
  settled_counters: report.settledCounters,
  already_settled: report.alreadySettled,
  too_young: report.tooYoung,
  remaining: report.remaining,
  dropped: report.dropped,
  quarantined: report.quarantined,
  failed: report.failed,
  leased_partitions: report.leased,
  unreachable_databases: report.unreachable,
  filling: { counted_blocks: blocks, filled_meters: filled.length, failed_meters: failed.length },
  correcting: {
    entered_corrections: corrected.entered,
    failed_corrections: corrected.failed.length,
    refused_corrections: corrected.refused,
  },
  erasing: { blocks: erased.blocks, events: erased.events, done_erasures: erased.done },
})

function stateJson({ partition, nowMs, open, sealed, unsettledCounters, lastFlushMs }: PartitionState) {
  const seconds = (bornMs: number) => (nowMs - bornMs) / 1000
  const oldest = sealed[0]?.bornMs ?? open?.bornMs
  return {
    partition,
    open_segment: open && {
      id: open.id,
      counters: open.counters,
      bytes: open.bytes,
      age_seconds: seconds(open.bornMs),
    },
    sealed_segments: sealed.length,
    oldest_age_seconds: oldest === undefined ? null : seconds(oldest),
    unsettled_counters: unsettledCounters,
    last_run: lastFlushMs === null ? null : rfc3339(lastFlushMs),
    quarantined: sealed.flatMap(({ id, quarantined }) =>
      quarantined === null ? [] : [{ id, reason: quarantined }],
    ),
  }
}
