// A batch as the arguments of the record script, and the script's reply as an outcome.

import { type Merge, tallyField } from '../../metering/counter.ts'
import type { Limits } from '../../metering/limits.ts'
import type { RecordBatch, RecordOutcome, Verdict } from '../../metering/ports.ts'
import type { Answered } from './answered.ts'
import type { Reply } from './connection.ts'

const MERGE_LETTERS: Record<Merge, string> = { add: 'a', min: 'n', max: 'x', latest: 'l', once: 'o' }
const VERDICTS: Record<string, Verdict> = {
  n: 'accepted',
  d: 'duplicate',
  c: 'conflict',
  r: 'out_of_range',
}
/** Generations of event ids that one tenant may have alive: 64 million ids a window with the default size. */
const DEDUPE_GENERATIONS = 64

/** In the order that scripts/record.ts names. */
export function recordArguments(
  { tenantId, configVersion, handling, meters, counters, events }: RecordBatch,
  limits: Limits,
  partitions: number,
  answered: Answered,
): string[] {
  const args = [
    tenantId,
    String(configVersion),
    String(partitions),
    handling,
    crypto.randomUUID().slice(0, 8),
    milliseconds(limits.segmentMaxAgeMs),
    String(limits.segmentMaxCounters),
    String(limits.segmentMaxBytes),
    String(limits.backlogMaxCounters),
    String(limits.backlogMaxCountersPerTenant),
    milliseconds(limits.dedupeWindowMs),
    String(limits.dedupeMaxIds),
    String(DEDUPE_GENERATIONS),
    String(meters.length),
    counters.map((counter) => MERGE_LETTERS[counter.merge]).join(''),
    counters.map((counter) => counter.meter + 1).join(','),
    answered.slot,
  ]
  for (const meter of meters) args.push(meter, answered.of(tenantId, meter))
  for (const meter of meters) args.push(tallyField(tenantId, meter, answered.slot))
  for (const counter of counters) args.push(counter.field)
  for (const event of events) {
    args.push(event.idDigest, event.fingerprint, String(event.deltas.length))
    for (const delta of event.deltas) args.push(String(delta.counter + 1), delta.a, delta.b)
  }
  return args
}

export function recordOutcome(
  reply: Reply,
  { tenantId, meters }: RecordBatch,
  answered: Answered,
): RecordOutcome | { wrongPartitions: string } {
  const [kind, detail, taken = []] = reply as [string, string, string[]?]
  switch (kind) {
    case 'recorded':
      for (const [i, account] of taken.entries()) answered.add(tenantId, meters[i]!, account)
      return { kind, verdicts: verdictsOf(detail) }
    case 'refused':
      return { kind, verdicts: verdictsOf(detail) }
    case 'stale':
      return { kind: 'stale_config', version: Number(detail) }
    case 'backlog':
      return { kind: 'backlog_full', scope: detail as 'tenant' | 'partition' | 'dedupe' }
    default:
      return { wrongPartitions: detail }
  }
}

const verdictsOf = (letters: string): Verdict[] => [...letters].map((letter) => VERDICTS[letter]!)

/** As a script takes them; endless ones are 285,000 years. */
export const milliseconds = (ms: number): string => (Number.isFinite(ms) ? String(ms) : '9000000000000000')
