// Many counters quickly: every event makes one of its own.

import { flush } from '../src/metering/flush.ts'
import type { TenantConfig } from '../src/metering/meter.ts'
import { QUANTITY, RESOURCE_TYPE, type SentEvent } from './workload.ts'
import { send, type World } from './world.ts'

const BATCH = 1_000
/** Flush while filling, before the backlog is full. */
const FLUSH_EVERY = 100_000

/** For flushes that settle everything at once. */
export const noFence = {
  segmentMaxAgeMs: Number.POSITIVE_INFINITY,
  settleAfterMs: 0,
  segmentsPerFlush: Number.POSITIVE_INFINITY,
}

/** Counter number n belongs to customer n modulo `customers`, and lies in one more hour each time around. */
export function counterEvent(n: number, customers: number, firstHourMs: number): SentEvent {
  return {
    id: `fill_${n}`,
    customer_id: `customer_${n % customers}`,
    resource_type: RESOURCE_TYPE,
    quantity: QUANTITY,
    timestamp: new Date(firstHourMs + Math.floor(n / customers) * 3_600_000).toISOString(),
  }
}

/** Counters from `from` to `to`, left live in Redis, or settled on the way. */
export async function fill(
  world: World,
  tenant: TenantConfig,
  event: (n: number) => SentEvent,
  { from, to, settle }: { from: number; to: number; settle: boolean },
): Promise<void> {
  for (let n = from; n < to; n += BATCH) {
    const size = Math.min(BATCH, to - n)
    await send(
      world,
      tenant,
      Array.from({ length: size }, (_, i) => event(n + i)),
    )
    if (settle && (n + size) % FLUSH_EVERY === 0) await settleAll(world)
  }
  if (settle) await settleAll(world)
}

/** Flushes until nothing remains. */
export async function settleAll(world: World): Promise<{ segments: number; counters: number }> {
  const settled = { segments: 0, counters: 0 }
  for (;;) {
    const report = await flush(world)
    settled.segments += report.settledSegments
    settled.counters += report.settledCounters
    const [bad] = [...report.quarantined, ...report.failed]
    if (bad) throw new Error(`A segment is not settled: ${bad.reason}`)
    if (report.remaining + report.tooYoung + report.leased.length === 0) return settled
  }
}
