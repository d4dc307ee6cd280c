// Opens a partition in a database. Its number and its database are for good.

import { TollgateError } from '../../kernel/errors.ts'
import type { HomePartitions, Partition, PartitionDirectory, PartitionStore } from './ports.ts'

export type PartitionServices = {
  partitionStore: PartitionStore
  homes: HomePartitions
  directory: PartitionDirectory
  /** how many the installation began with */
  firstPartitions: number
}

/** What one installation has at most. */
export const PARTITIONS_MOST = 1_024

export async function openPartition(
  { partitionStore, homes, directory, firstPartitions }: PartitionServices,
  { database }: { database: string },
): Promise<Partition> {
  if (!homes.names.includes(database))
    throw new TollgateError('validation_failed', 'There is no such database.', {
      issues: [
        {
          pointer: '#/database',
          detail: `must be one of those that COUNTER_DATABASES names: ${homes.names.join(', ')}`,
        },
      ],
    })
  if ((await homes.unreachable()).includes(database))
    throw new TollgateError('store_unavailable', `The database ${database} can’t be reached at present.`, {
      retryAfterSeconds: 5,
    })
  await partitionStore.seedPartitions(firstPartitions)
  for (;;) {
    const id = Math.max(-1, ...(await partitionStore.listPartitions()).map((one) => one.id)) + 1
    if (id >= PARTITIONS_MOST)
      throw new TollgateError(
        'state_conflict',
        `There are ${PARTITIONS_MOST} partitions, and no more can be opened.`,
      )
    // A Postgres that was put back has forgotten those that were opened since. Their databases have not.
    const holder = await homes.holderOf(id)
    if (!(await partitionStore.addPartition({ id, database: holder ?? database, state: 'open' }))) continue
    directory.forget()
    if (holder !== null) continue
    await homes.claim(id)
    // Should this be lost, flushes find the partition within the hour.
    await homes.announce(id + 1).catch(() => {})
    return { id, database, state: 'open' }
  }
}
