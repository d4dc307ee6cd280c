// What the scripts that seal and look (scripts/seal.ts) reply, in the words of the port.

import type { PartitionState, SealOutcome, SegmentRef } from '../../metering/ports.ts'
import type { Reply } from './connection.ts'

export function sealOutcome(partition: number, reply: Reply): SealOutcome | { wrongPartitions: string } {
  const [kind, detail, listed, offer, idsToForget, fill] = reply as [
    string,
    string,
    Reply[],
    string,
    number,
    string,
  ]
  if (kind === 'leased') return { kind, untilMs: Number(detail) }
  if (kind !== 'sealed') return { wrongPartitions: detail }
  return {
    kind,
    nowMs: Number(detail),
    segments: segmentRefs(partition, listed, offer),
    idsToForget: idsToForget === 1,
    fillAsked: fill === '' ? null : fill,
  }
}

/** How many partitions there are at least, as the one that was sealed was told. */
export const partitionsOpened = (reply: Reply): number => Number((reply as Reply[])[6] ?? 0)

export function partitionState(partition: number, reply: Reply): PartitionState {
  const [nowMs, open, sealed, unsettled, lastFlush, offer] = reply as [
    string,
    (string | null)[],
    Reply[],
    string,
    string | null,
    string,
  ]
  return {
    partition,
    nowMs: Number(nowMs),
    open: open[0]
      ? { id: open[0], bornMs: Number(open[1]), counters: Number(open[2]), bytes: Number(open[3]) }
      : null,
    sealed: segmentRefs(partition, sealed, offer),
    unsettledCounters: Number(unsettled),
    lastFlushMs: lastFlush === null ? null : Number(lastFlush),
  }
}

const segmentRefs = (partition: number, listed: Reply[], offer: string): SegmentRef[] =>
  (listed as [string, string, string | null][]).map(([id, bornMs, quarantined]) => ({
    id,
    partition,
    bornMs: Number(bornMs),
    quarantined: quarantined ?? null,
    offer,
  }))
