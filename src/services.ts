// What every use case and route is given: the ports, the clock and the bounds. src/compose.ts makes it.

import type { IdempotencyStore } from './access/idempotency-store.ts'
import type { AccessStore } from './access/ports.ts'
import type { CatalogStore } from './billing/ports.ts'
import type { Limits } from './metering/limits.ts'
import type { CounterStore, UsageStore } from './metering/ports.ts'

export type Services = {
  /** ms since 1970 */
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  access: AccessStore
  catalog: CatalogStore
  idempotency: IdempotencyStore
  /** null: there are no admin routes */
  adminToken: string | null
}
