// The aggregator, for the operator: run it now, or see how it stands.

import { z } from 'zod'
import { rfc3339 } from '../../kernel/time.ts'
import { type FillReport, fillMeters } from '../../log/fill-meters.ts'
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
    filling: z
      .object({
        counted_blocks: count('Blocks that were counted.'),
        filled_meters: count('Meters that have counted all now.'),
        failed_meters: count('Meters that could not be filled now. The next run tries again.'),
      })
      .meta({ description: 'Of meters that are filled from the event log.' }),
  })
  .meta({ id: 'FlushReport' })

const reofferedSchema = z.object({ offered_segments: count('Segments.') }).meta({ id: 'Reoffered' })

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
          await fillMeters(deps),
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
      'Redis keeps settled segments for a while (KEEP_SETTLED_MINUTES). Those that Postgres has lost count again at once, in every bill; the next flush settles them. Those that it has are recognised, and change nothing.',
    access: 'admin',
    responses: {
      200: {
        description: 'How many wait to be settled again.',
        schema: reofferedSchema,
      },
    },
    handle: async (c) => reply(c, 200, { offered_segments: await reoffer(deps) }),
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
      for (let partition = 0; partition < deps.counters.partitions; partition++)
        states.push(await deps.counters.state(partition))
      return reply(c, 200, { partitions: states.map(stateJson) })
    },
  })
}

const reportJson = (report: FlushReport, { blocks, filled, failed }: FillReport) => ({
  settled_segments: report.settledSegments,
  settled_counters: report.settledCounters,
  already_settled: report.alreadySettled,
  too_young: report.tooYoung,
  remaining: report.remaining,
  dropped: report.dropped,
  quarantined: report.quarantined,
  failed: report.failed,
  leased_partitions: report.leased,
  filling: { counted_blocks: blocks, filled_meters: filled.length, failed_meters: failed.length },
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
