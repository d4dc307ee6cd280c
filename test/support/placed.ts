// Several servers over the same databases, each with what it has cached of where tenants are.

import { text } from '../../src/kernel/decimal.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import { defaultLimits, type Limits } from '../../src/metering/limits.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { placedStores } from '../../src/stores/placing.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { PostgresTenantStore } from '../../src/stores/postgres/tenant-store.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'

export type Server = ReturnType<typeof serverOn>

export function serverOn(
  databases: Record<string, RedisConnection>,
  db: Db,
  config: TenantConfig,
  { clock = Date.now, ...more }: Partial<Limits> & { clock?: () => number } = {},
) {
  const limits = { ...defaultLimits, segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0, ...more }
  const named = Object.fromEntries(
    Object.entries(databases).map(([name, connection]) => [name, { connection }]),
  )
  return {
    ...placedStores(named, db, limits, { first: 1, recording: {}, clock }),
    limits,
    usage: new PostgresUsageStore(db),
    configs: { reload: async () => config },
    log: null,
  }
}

export async function madeTenant(db: Db, config: TenantConfig, partition: number | null = 0): Promise<void> {
  const hash = crypto.randomUUID()
  await new PostgresTenantStore(db).createTenant(
    {
      ...{ id: config.tenantId, name: 'Test', timezone: 'UTC', currency: 'USD', unmetered: 'refuse' },
      ...(partition !== null && { partition }),
    },
    { id: crypto.randomUUID(), name: 'key', hash, hint: 'abcd' },
    'default',
  )
}

/** What a customer has used, by the first meter. */
export async function used(server: Server, config: TenantConfig, customerId = 'alice'): Promise<string> {
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const { quantities } = await readUsage(server, config, {
    customerIds: [customerId],
    meter: null,
    boundariesMs: [now - 40 * 24 * HOUR_MS, now + 2 * HOUR_MS],
    groupBy: [],
  })
  return quantities[0] ? text(quantities[0].quantity) : '0'
}
