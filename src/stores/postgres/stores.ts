// The ports of access and billing, put together from one store a noun.

import type { AccessStore } from '../../access/ports.ts'
import type { CatalogStore } from '../../billing/ports.ts'
import type { ActStore, BlockStore, LogIndex } from '../../log/ports.ts'
import type { ReplayStore } from '../../log/replay-ports.ts'
import { BlockWriter } from '../../log/write-blocks.ts'
import type { SegmentLog } from '../../metering/ports.ts'
import { PostgresActStore } from './act-store.ts'
import { PostgresCustomerStore } from './customer-store.ts'
import type { Db } from './db.ts'
import { PostgresKeyStore } from './key-store.ts'
import { PostgresLogIndex } from './log-index.ts'
import { PostgresMeterStore } from './meter-store.ts'
import { PostgresPlanStore } from './plan-store.ts'
import { PostgresReplayStore } from './replay-store.ts'
import { PostgresTenantStore } from './tenant-store.ts'

export const postgresAccess = (db: Db): AccessStore =>
  combined(new PostgresTenantStore(db), new PostgresKeyStore(db), new PostgresCustomerStore(db))

export const postgresCatalog = (db: Db): CatalogStore =>
  combined(new PostgresMeterStore(db), new PostgresPlanStore(db))

/** The event log: what writes it, where, and its index; null where there is none. */
export const eventLog = (
  db: Db,
  blocks: BlockStore | null,
): {
  log: SegmentLog | null
  blocks: BlockStore | null
  logIndex: LogIndex
  replays: ReplayStore
  acts: ActStore
} => ({
  log: blocks && new BlockWriter(blocks),
  blocks,
  logIndex: new PostgresLogIndex(db),
  replays: new PostgresReplayStore(db),
  acts: new PostgresActStore(db),
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
