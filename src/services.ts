// What every use case and route is given: the ports, the clock and the bounds. src/compose.ts makes it.

import type { ConfigCache } from './access/config-cache.ts'
import type { IdempotencyStore } from './access/idempotency-store.ts'
import type { AccessStore } from './access/ports.ts'
import type { AccountStore, CouponStore } from './billing/account-ports.ts'
import type { CatalogStore } from './billing/ports.ts'
import type { BillingSettings } from './billing/settings.ts'
import type { BlockStore } from './log/block-store.ts'
import type { Limits } from './metering/limits.ts'
import type { CounterStore, UsageStore } from './metering/ports.ts'

export type Services = {
  /** ms since 1970 */
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  /** where the event log's blocks are; null: there is no log */
  blocks: BlockStore | null
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
