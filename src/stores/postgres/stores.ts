// The ports of access and billing, put together from one store a noun.

import type { AccessStore } from '../../access/ports.ts'
import type { CatalogStore } from '../../billing/ports.ts'
import type { CorrectionStore } from '../../log/act-ports.ts'
import type { ErasureStore } from '../../log/erasure-ports.ts'
import type { OfferedActStore } from '../../log/offered-ports.ts'
import type { ActStore, BlockStore, LogIndex } from '../../log/ports.ts'
import type { ReplayStore } from '../../log/replay-ports.ts'
import type { RetentionStore } from '../../log/retention-ports.ts'
import type { TransferStore } from '../../log/transfer.ts'
import { BlockWriter } from '../../log/write-blocks.ts'
import type { SegmentLog } from '../../metering/ports.ts'
import { PostgresActStore } from './act-store.ts'
import { PostgresCorrectionStore } from './correction-store.ts'
import { PostgresCustomerStore } from './customer-store.ts'
import type { Db } from './db.ts'
import { PostgresErasureStore } from './erasure-store.ts'
import { PostgresKeyStore } from './key-store.ts'
import { PostgresLogIndex } from './log-index.ts'
import { PostgresMeterStore } from './meter-store.ts'
import { PostgresOfferedActs } from './offered-acts.ts'
import { PostgresPlanStore } from './plan-store.ts'
import { PostgresReplayStore } from './replay-store.ts'
import { PostgresRetentionStore } from './retention-store.ts'
import { PostgresRevisionStore } from './revision-store.ts'
import { PostgresTenantStore } from './tenant-store.ts'
import { PostgresTransferStore } from './transfer-store.ts'

export const postgresAccess = (db: Db): AccessStore =>
  combined(new PostgresTenantStore(db), new PostgresKeyStore(db), new PostgresCustomerStore(db))

export const postgresCatalog = (db: Db): CatalogStore =>
  combined(new PostgresMeterStore(db), new PostgresRevisionStore(db), new PostgresPlanStore(db))

/** The event log: what writes it, where, and its index; null where there is none. */
export const eventLog = (
  db: Db,
  blocks: BlockStore | null,
): {
  log: SegmentLog | null
  blocks: BlockStore | null
  logIndex: LogIndex
  retention: RetentionStore
  erasures: ErasureStore
  replays: ReplayStore
  acts: ActStore
  corrections: CorrectionStore
  offered: OfferedActStore
  transfers: TransferStore
} => ({
  log: blocks && new BlockWriter(blocks),
  blocks,
  logIndex: new PostgresLogIndex(db),
  retention: new PostgresRetentionStore(db),
  erasures: new PostgresErasureStore(db),
  replays: new PostgresReplayStore(db),
  acts: new PostgresActStore(db),
  corrections: new PostgresCorrectionStore(db),
  offered: new PostgresOfferedActs(db),
  transfers: new PostgresTransferStore(db),
})

/** One object with the methods of all the parts, each run on its own part. */
function combined<Parts extends object[]>(...parts: Parts): Intersection<Parts> {
  const whole: Record<string, unknown> = {}
  for (const part of parts) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(part))) {
      if (name === 'constructor') continue
      if (name in whole) throw new Error(`Two stores have a method ${name}`)
      whole[name] = (part as Record<string, (...args: unknown[]) => unknown>)[name]!.bind(part)
    }
  }
  return whole as Intersection<Parts>
}

type Intersection<Parts extends unknown[]> = Parts extends [infer First, ...infer Rest]
  ? First & Intersection<Rest>
  : unknown
