// The partitions, as this instance knows them. A partition never changes its database, so what is known stays right; what isn't known
// is looked up. Those that the installation began with are on `main`, and need no looking up: an idle minute wakes no Postgres.

import { TollgateError } from '../../kernel/errors.ts'
import type { Partition, PartitionDirectory, PartitionStore } from './ports.ts'

/** The database of whoever has just one. */
export const MAIN = 'main'

/** Whoever opens one says so to partition 0, where flushes hear it. Should that be lost, it is found so late. */
const LIST_MAX_AGE_MS = 3_600_000

export const firstPartitions = (count: number): Partition[] =>
  Array.from({ length: count }, (_, id) => ({ id, database: MAIN, state: 'open' }))

/** As they are now: another server may have opened or closed one. For what is seldom asked. */
export function listAnew(directory: PartitionDirectory): Promise<Partition[]> {
  directory.forget()
  return directory.list()
}

export class PartitionList implements PartitionDirectory {
  readonly #store: Pick<PartitionStore, 'listPartitions' | 'addPartition'>
  readonly #holderOf: (partition: number) => Promise<string | null>
  readonly #clock: () => number
  #known: Map<number, Partition>
  #listedAtMs = Number.NEGATIVE_INFINITY
  /** so many there are at least */
  #atLeast = 0

  /** `first`: how many the installation began with. `holderOf`: asks the databases, for a Postgres that was put back may have lost one. */
  constructor(
    store: Pick<PartitionStore, 'listPartitions' | 'addPartition'>,
    first: number,
    clock: () => number,
    holderOf: (partition: number) => Promise<string | null> = async () => null,
  ) {
    this.#store = store
    this.#holderOf = holderOf
    this.#clock = clock
    this.#known = new Map(firstPartitions(first).map((partition) => [partition.id, partition]))
  }

  async list(): Promise<Partition[]> {
    if (this.#clock() - this.#listedAtMs >= LIST_MAX_AGE_MS) await this.#load()
    // Where one can't be asked for at present, the others are listed all the same.
    await this.#findUpTo(this.#atLeast).catch(() => {})
    return this.#sorted()
  }

  async findAll(): Promise<Partition[]> {
    await this.#load()
    await this.#findUpTo(this.#atLeast)
    // They are numbered without gaps.
    while (await this.#find(this.#known.size));
    return this.#sorted()
  }

  async databaseOf(partition: number): Promise<string> {
    if (!this.#known.has(partition)) await this.#load()
    if (!this.#known.has(partition)) await this.#find(partition)
    const known = this.#known.get(partition)
    if (known === undefined)
      throw new TollgateError('misconfigured', 'The service is not configured for its data.', {
        internal: `A tenant is in partition ${partition}, which is not among the partitions.`,
      })
    return known.database
  }

  thereAre(partitions: number): void {
    this.#atLeast = Math.max(this.#atLeast, partitions)
    if (partitions > this.#known.size) this.forget()
  }

  forget(): void {
    this.#listedAtMs = Number.NEGATIVE_INFINITY
  }

  #sorted(): Partition[] {
    return [...this.#known.values()].sort((a, b) => a.id - b.id)
  }

  async #findUpTo(count: number): Promise<void> {
    for (let id = 0; id < count; id++) if (!this.#known.has(id)) await this.#find(id)
  }

  /** Asks the databases, and tells Postgres. Gives whether one of them has it. */
  async #find(id: number): Promise<boolean> {
    const database = await this.#holderOf(id)
    if (database === null) return false
    await this.#store.addPartition({ id, database, state: 'open' })
    await this.#load()
    return true
  }

  async #load(): Promise<void> {
    const startedAtMs = this.#clock()
    for (const partition of await this.#store.listPartitions()) this.#known.set(partition.id, partition)
    this.#listedAtMs = startedAtMs
  }
}
