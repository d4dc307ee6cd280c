// The databases, each one Redis that holds partitions, and running a script in the one that has its partition. What a database says
// of itself is checked once: with another number of partitions a tenant's counters would be looked for, and counted, elsewhere.

import { TollgateError } from '../../kernel/errors.ts'
import type { IdLayout } from '../../metering/limits.ts'
import { MAIN } from '../../metering/placement/partition-list.ts'
import type { PartitionDirectory } from '../../metering/placement/ports.ts'
import type { RedisConnection, Reply, Script } from './connection.ts'
import { metaKey } from './keys.ts'
import { runScript } from './script.ts'
import { databaseOf, holdsPartition } from './scripts/placement.ts'
import { partitionsOf } from './scripts/seal.ts'

export type Database = {
  connection: RedisConnection
  /** how ids are laid out there, if not as the limits have it */
  dedupeLayout?: IdLayout
}

export class Databases {
  readonly #databases: ReadonlyMap<string, Database>
  readonly #directory: PartitionDirectory
  /** how many the installation began with: tenants that were never placed are divided over them */
  readonly first: number
  readonly #verified = new Set<number>()

  constructor(databases: Record<string, Database>, directory: PartitionDirectory, first: number) {
    this.#databases = new Map(Object.entries(databases))
    this.#directory = directory
    this.first = first
  }

  get names(): string[] {
    return [...this.#databases.keys()]
  }

  get directory(): PartitionDirectory {
    return this.#directory
  }

  /** `told`: its database, if that is known. Throws misconfigured where the configuration lacks it. */
  async of(partition: number, told?: string): Promise<Database> {
    const name = told ?? (await this.#directory.databaseOf(partition))
    const database = this.#databases.get(name)
    if (database === undefined) throw missingDatabase(name, partition)
    // All that the installation began with are checked by the first of them.
    const key = partition < this.first ? 0 : partition
    if (!this.#verified.has(key)) {
      await this.#verify(database, name, key)
      this.#verified.add(key)
    }
    return database
  }

  async run(script: Script, partition: number, args: string[], told?: string): Promise<Reply> {
    const { connection } = await this.of(partition, told)
    return guarded(() => runScript(connection, script, [metaKey(partition)], args))
  }

  /** Whatever the directory says of the partition, and without a check. */
  async runIn(database: string, script: Script, partition: number, args: string[]): Promise<Reply> {
    const { connection } = this.#databases.get(database)!
    return guarded(() => runScript(connection, script, [metaKey(partition)], args))
  }

  /** The database whose own data says that it holds this partition. */
  async holderOf(partition: number): Promise<string | null> {
    for (const name of this.names)
      if ((await this.runIn(name, holdsPartition, partition, [])) !== '') return name
    return null
  }

  async unreachable(): Promise<string[]> {
    const names = await Promise.all(
      [...this.#databases].map(([name, { connection }]) =>
        connection.ping().then(
          () => null,
          () => name,
        ),
      ),
    )
    return names.filter((name) => name !== null)
  }

  async #verify({ connection }: Database, name: string, partition: number): Promise<void> {
    const [script, mine] = partition === 0 ? [partitionsOf, String(this.first)] : [databaseOf, name]
    const stored = String(await guarded(() => runScript(connection, script, [metaKey(partition)], [mine])))
    if (stored === mine) return
    if (partition === 0) throw this.wrongPartitions(stored)
    throw misconfigured(
      `Database ${name} is to hold partition ${partition}, but what is in it is of database ${stored}. Is the address of another one in COUNTER_DATABASES?`,
    )
  }

  wrongPartitions(stored: string): TollgateError {
    return misconfigured(
      `PARTITIONS is ${this.first}, but the counters in Redis were written with ${stored}. Set it to ${stored}.`,
    )
  }
}

export const missingDatabase = (name: string, partition: number): TollgateError =>
  misconfigured(
    `Database ${name} holds partition ${partition}, but ${
      name === MAIN ? 'there is none of this name: name yours main' : 'COUNTER_DATABASES does not name it'
    }.`,
  )

const misconfigured = (internal: string): TollgateError =>
  new TollgateError('misconfigured', 'The service is not configured for its data.', { internal })

/** Whatever goes wrong on the way: the caller may try the same call again, every script bears it. */
async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw new TollgateError(
      'store_unavailable',
      'The counters can’t be reached at present, and whether they took this is unknown. Send the same request again: an event with an id counts once.',
      {
        retryAfterSeconds: 5,
        store: 'counters',
        internal: error,
      },
    )
  }
}
