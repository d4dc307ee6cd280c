// The partitions with what is in them, and the one that a new tenant goes to.

import { TollgateError } from '../../kernel/errors.ts'
import type { CounterStore } from '../ports.ts'
import type { PartitionServices } from './open-partition.ts'
import type { Partition } from './ports.ts'

export type DescribedPartition = Omit<Partition, 'state'> & {
  state: Partition['state'] | 'unreachable'
  tenants: number
  /** null: its database can't be reached */
  unsettledCounters: number | null
  /** null: never, or its database can't be reached */
  lastFlushMs: number | null
}

type Services = PartitionServices & { counters: Pick<CounterStore, 'state'> }

export async function listPartitions(services: Services): Promise<DescribedPartition[]> {
  const { partitionStore, firstPartitions } = services
  await partitionStore.seedPartitions(firstPartitions)
  const [partitions, tenants] = await Promise.all([
    partitionStore.listPartitions(),
    partitionStore.tenantsIn(),
  ])
  return await Promise.all(partitions.map((partition) => describe(services, partition, tenants)))
}

export async function describePartition(
  services: Services,
  partition: Partition,
): Promise<DescribedPartition> {
  return await describe(services, partition, await services.partitionStore.tenantsIn())
}

async function describe(
  { counters }: Services,
  partition: Partition,
  tenants: Map<number, number>,
): Promise<DescribedPartition> {
  const state = await counters.state(partition.id).catch(() => null)
  return {
    ...partition,
    ...(state === null && { state: 'unreachable' as const }),
    tenants: tenants.get(partition.id) ?? 0,
    unsettledCounters: state?.unsettledCounters ?? null,
    lastFlushMs: state?.lastFlushMs ?? null,
  }
}

/**
 * Where a new tenant goes: the open partition that is named, or the one in which the least waits to be settled, and of several
 * such the one with the fewest tenants.
 */
export async function partitionForTenant(services: Services, named?: number): Promise<number> {
  // Another process may have opened one, or closed one.
  services.directory.forget()
  const open = (await services.directory.list()).filter(({ state }) => state === 'open')
  if (named !== undefined) {
    if (open.some(({ id }) => id === named)) return named
    throw new TollgateError('validation_failed', 'The tenant can’t be put there.', {
      issues: [
        {
          pointer: '#/partition',
          detail: `must be an open partition: ${open.map(({ id }) => id).join(', ')}`,
        },
      ],
    })
  }
  if (open.length === 1) return open[0]!.id
  const [best] = (await listPartitions(services))
    .filter(({ state }) => state === 'open')
    .sort((a, b) => a.unsettledCounters! - b.unsettledCounters! || a.tenants - b.tenants || a.id - b.id)
  if (best !== undefined) return best.id
  throw new TollgateError(
    'store_unavailable',
    'No open partition can be reached at present. Send the same request again.',
    {
      retryAfterSeconds: 5,
    },
  )
}
