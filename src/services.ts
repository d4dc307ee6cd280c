// What every use case and route is given: the ports, the clock and the bounds. src/compose.ts makes it.

import type { ConfigCache } from './access/config-cache.ts'
import type { IdempotencyStore } from './access/idempotency-store.ts'
import type { LogServices } from './access/kept-unmetered.ts'
import type { AccessStore } from './access/ports.ts'
import type { AccountStore, CouponStore } from './billing/account-ports.ts'
import type { CatalogStore } from './billing/ports.ts'
import type { BillingSettings } from './billing/settings.ts'
import type { ActStore, BlockStore, LogIndex } from './log/ports.ts'
import type { ReplayStore } from './log/replay-ports.ts'
import type { Limits } from './metering/limits.ts'
import type { CounterStore, SegmentLog, UsageStore } from './metering/ports.ts'

export type Services = LogServices & {
  /** ms since 1970 */
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  /** null: events are counted, and not kept */
  log: SegmentLog | null
  /** where the log is kept and found; null: nowhere */
  blocks: BlockStore | null
  logIndex: LogIndex
  /** fills meters that reach back */
  replays: ReplayStore
  acts: ActStore
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
