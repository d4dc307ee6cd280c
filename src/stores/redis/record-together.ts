// What recording asks of a partition: the scripts that claim ids and count, and that ask former homes.

import type { Limits } from '../../metering/limits.ts'
import { Moved } from '../../metering/placement/placed.ts'
import { type Placement, placementText } from '../../metering/placement/placement.ts'
import type {
  PlacedBatch,
  PlacedOutcome,
  RecordingPartitions,
} from '../../metering/placement/record-placed.ts'
import type { Verdict } from '../../metering/ports.ts'
import type { Answered } from './answered.ts'
import type { Databases } from './databases.ts'
import { saidOfMemory } from './memory-full.ts'
import { orEndless, recordArguments, recordCall, recordOutcomes, verdictOf } from './record-call.ts'
import { lookUpIds } from './scripts/placement.ts'
import { record } from './scripts/record.ts'

/** Batches of one tenant, configuration and place, as one call; an outcome for each, in order. */
export async function recordTogether(
  { databases, limits, answered }: { databases: Databases; limits: Limits; answered: Answered },
  batches: PlacedBatch[],
): Promise<PlacedOutcome[]> {
  const call = recordCall(batches)
  const { partition, database } = call.at
  // Before the arguments are made, not after: they say how far this process knows the accounts when the call goes out.
  const { dedupeLayout = limits.dedupeLayout } = await databases.of(partition, database)
  const args = recordArguments(call, { ...limits, dedupeLayout }, databases.first, answered)
  const reply = await databases.run(record, partition, args, database).catch((error) => {
    throw saidOfMemory(error)
  })
  const outcomes = recordOutcomes(reply, call, answered)
  if ('wrongPartitions' in outcomes) throw databases.wrongPartitions(outcomes.wrongPartitions)
  return outcomes
}

/** As scripts take it. */
export const stampOf = ({ version, nonce }: Placement): [string, string] => [String(version), nonce]

export function lookingUp(databases: Databases, limits: Limits): RecordingPartitions['lookUp'] {
  return async ({ tenantId, configVersion, dedupeWindowMs, events, at: { partition, placement } }) => {
    const args = [tenantId, ...stampOf(placement), placementText(placement), String(configVersion)]
    args.push(orEndless(dedupeWindowMs ?? limits.dedupeWindowMs))
    for (const { idDigest, fingerprint } of events) args.push(idDigest, fingerprint)
    const [kind, detail] = (await databases.run(lookUpIds, partition, args)) as [string, string]
    if (kind === 'moved') return new Moved(detail)
    if (kind === 'stale') return { kind: 'stale_config', version: Number(detail) }
    return { kind: 'seen', verdicts: [...detail].map(verdictOf) as Verdict[] }
  }
}
