// A customer's events are to be erased: from here on no read shows them, and what can be taken out at once is.

import { TollgateError } from '../kernel/errors.ts'
import type { CounterStore } from '../metering/ports.ts'
import { type EraseServices, eraseEvents } from './erase-events.ts'
import type { Erasure, ErasureNotes } from './erasure-ports.ts'
import { ERASED_BLOCKS_AT_FIRST, NOTED_ERASURES_AT_ONCE } from './limits.ts'

export type AskServices = EraseServices & {
  counters: EraseServices['counters'] & Pick<CounterStore, 'findPartitions'> & ErasureNotes
}

export async function askErasure(
  services: AskServices,
  { tenantId, newId }: { tenantId: string; newId: () => string },
  customerId: string,
): Promise<Erasure> {
  const { counters, erasures } = services
  const byMicros = await counters.arrivedMicros(tenantId, customerId)
  const erasure = { id: newId(), tenantId, customerId, byMicros }
  await erasures.enter([erasure])
  // Of a request that is executed again, the first one's time stands.
  const { byMicros: standing } = await known(services, erasure)
  await counters.noteErasure({ ...erasure, byMicros: standing })
  await eraseEvents(services, { tenantId, limit: ERASED_BLOCKS_AT_FIRST })
  return known(services, erasure)
}

/** Throws store_unavailable where Postgres does not know of it any more, which was put back meanwhile. */
async function known(
  { erasures }: Pick<EraseServices, 'erasures'>,
  { tenantId, id }: { tenantId: string; id: string },
): Promise<Erasure> {
  const erasure = await erasures.find(tenantId, id)
  if (erasure !== null) return erasure
  throw new TollgateError(
    'store_unavailable',
    'The erasure is not kept: Postgres was put back meanwhile. Send the same request again.',
    { retryAfterSeconds: 5 },
  )
}

/** Throws not_found. */
export async function readErasure(
  { erasures }: Pick<EraseServices, 'erasures'>,
  tenantId: string,
  id: string,
): Promise<Erasure> {
  const erasure = await erasures.find(tenantId, id)
  if (erasure !== null) return erasure
  throw new TollgateError('not_found', `There is no erasure ${id}. GET /api/v1/erasures lists yours.`)
}

/** After Postgres was put back to an earlier point: what it has forgotten is to be erased again. Gives how many are known. */
export async function reofferErasures({
  counters,
  erasures,
}: Pick<AskServices, 'counters' | 'erasures'>): Promise<number> {
  // Each is noted in all the partitions of its tenant.
  const known = new Set<string>()
  for (const { id: partition } of await counters.findPartitions()) {
    for (let skip = 0; ; ) {
      const noted = await counters.notedErasures(partition, skip, NOTED_ERASURES_AT_ONCE)
      if (noted.length > 0) await erasures.enter(noted)
      for (const { id } of noted) known.add(id)
      skip += noted.length
      if (noted.length < NOTED_ERASURES_AT_ONCE) break
    }
  }
  return known.size
}
