// What every use case and route is given: the ports, the clock and the bounds. src/compose.ts makes it.

import type { ConfigCache } from './access/config-cache.ts'
import type { IdempotencyStore } from './access/idempotency-store.ts'
import type { LogServices } from './access/kept-unmetered.ts'
import type { AccessStore } from './access/ports.ts'
import type { AccountStore, CouponStore } from './billing/account-ports.ts'
import type { CatalogStore } from './billing/ports.ts'
import type { BillingSettings } from './billing/settings.ts'
import type { CorrectionStore } from './log/act-ports.ts'
import type { ErasureNotes, ErasureStore } from './log/erasure-ports.ts'
import type { ExportFiles } from './log/export/export-files.ts'
import type { ActNotes, OfferedActStore } from './log/offered-ports.ts'
import type { ActStore, BlockStore, LogIndex } from './log/ports.ts'
import type { ReplayStore } from './log/replay-ports.ts'
import type { RetentionStore } from './log/retention-ports.ts'
import type { TransferStore } from './log/transfer.ts'
import type { HoursStore } from './metering/drop-hours.ts'
import type { Limits } from './metering/limits.ts'
import type { Placing } from './metering/placement/placing.ts'
import type { CounterStore, SegmentLog, UsageStore } from './metering/ports.ts'

type Parts = LogServices & Placing

export type Services = Parts & {
  /** ms since 1970 */
  clock: () => number
  limits: Limits
  counters: CounterStore & ErasureNotes & ActNotes
  usage: UsageStore
  hours: HoursStore
  /** for how many days usage is kept by the hour at least; 0: for ever */
  hoursKeptDays: number
  /** null: events are counted, and not kept */
  log: SegmentLog | null
  /** where the log is kept and found; null: nowhere */
  blocks: BlockStore | null
  logIndex: LogIndex
  retention: RetentionStore
  erasures: ErasureStore
  /** for how many days events are kept where a tenant doesn't say; 0: for ever */
  logDays: number
  /** fills meters that reach back */
  replays: ReplayStore
  acts: ActStore
  corrections: CorrectionStore
  /** acts that Postgres had forgotten */
  offered: OfferedActStore
  transfers: TransferStore
  /** where exports may be put; null: nowhere */
  exportFiles: ExportFiles | null
  /** lines of one import: Infinity where a request may do as much as it likes */
  importLines: number
  access: AccessStore
  /** what this instance has cached of tenants */
  configs: ConfigCache
  catalog: CatalogStore
  idempotency: IdempotencyStore
  accounts: AccountStore
  coupons: CouponStore
  billing: BillingSettings
  /** null: there are no admin routes */
  adminToken: string | null
}
