// A deliberate bug: the same code with one thing wrong, without a line of src changed. What a bug leaves out stays as it is.

import type { AccountStore } from '../../src/billing/account-ports.ts'
import type { CorrectionStore } from '../../src/log/act-ports.ts'
import type { ErasureNotes, ErasureStore } from '../../src/log/erasure-ports.ts'
import type { fillMeters } from '../../src/log/fill-meters.ts'
import type { ActNotes, OfferedActStore } from '../../src/log/offered-ports.ts'
import type { BlockStore, LogIndex } from '../../src/log/ports.ts'
import type { ReplayStore } from '../../src/log/replay-ports.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { CounterStore, UsageStore } from '../../src/metering/ports.ts'
import type { readUsage } from '../../src/metering/read-usage.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'

/** All that Redis is used for. */
export type Counters = CounterStore & ErasureNotes & ActNotes

export type Bug = {
  name: string
  /** what is wrong, in a sentence */
  what: string
  /** Redis runs another text under a script's name; by the script's name */
  scripts?: Record<string, (text: string) => string>
  /** Postgres runs another statement */
  sql?: (statement: string) => string
  limits?: Partial<Limits>
  /** of placements */
  nonce?: () => string
  counters?: (real: Counters, connection: RedisConnection) => Counters
  usage?: (real: UsageStore) => UsageStore
  blocks?: (real: BlockStore) => BlockStore
  logIndex?: (real: LogIndex) => LogIndex
  corrections?: (real: CorrectionStore) => CorrectionStore
  offered?: (real: OfferedActStore) => OfferedActStore
  erasures?: (real: ErasureStore) => ErasureStore
  replays?: (real: ReplayStore) => ReplayStore
  read?: typeof readUsage
  fill?: typeof fillMeters
  accounts?: (real: AccountStore, db: Db) => AccountStore
}
