// A steady load: so many requests a second, whatever the answers take; known customers, and new ones all the time.

import { setTimeout as sleep } from 'node:timers/promises'
import { call, describe } from './calls.ts'
import type { Site } from './site.ts'
import type { Tenant } from './tenant.ts'
import { RESOURCE_TYPE } from './workload.ts'

const REQUESTS_PER_SECOND = 40
const BATCH = 10
const CUSTOMERS = 100
const USERS = 20
/** One event in so many is of a customer that was never seen. */
const NEW_CUSTOMER_EVERY = 20
/** One request in so many is a bill. */
const BILL_EVERY = 10
const WAITING_MAX = 200

export type SoakCounts = {
  acknowledged: Map<string, number>
  bills: number
  failures: string[]
  skipped: number
}

export async function loadUntil(
  over: () => boolean,
  site: Site,
  tenants: Tenant[],
  counts: SoakCounts,
): Promise<void> {
  const waiting = new Set<Promise<void>>()
  const began = performance.now()
  for (let n = 0; !over(); n++) {
    await sleep(Math.max(0, began + (n * 1000) / REQUESTS_PER_SECOND - performance.now()))
    if (waiting.size >= WAITING_MAX) {
      counts.skipped++
      continue
    }
    const tenant = tenants[n % tenants.length]!
    const one = (
      n % BILL_EVERY === 0 ? bill(site, tenant, n, counts) : sendBatch(site, tenant, n, counts)
    ).finally(() => waiting.delete(one))
    waiting.add(one)
  }
  await Promise.all(waiting)
}

/** `n`: of the batch; the same number is the same customers, but new ids. */
export async function sendBatch(site: Site, tenant: Tenant, n: number, counts: SoakCounts): Promise<void> {
  const events = Array.from({ length: BATCH }, (_, i) => {
    const k = n * BATCH + i
    return {
      id: crypto.randomUUID(),
      customer_id: k % NEW_CUSTOMER_EVERY === 0 ? `visitor-${k}` : `customer-${(k * 7) % CUSTOMERS}`,
      resource_type: RESOURCE_TYPE,
      quantity: '1.25',
      properties: { user: `user-${k % USERS}`, peak: String(k % 1000), change: '0', region: 'eu' },
    }
  })
  const reply = await call(site.apps[0]!, {
    method: 'POST',
    path: '/api/v1/usage',
    token: tenant.key,
    body: events,
  })
  if (reply?.status === 200) {
    counts.acknowledged.set(tenant.id, (counts.acknowledged.get(tenant.id) ?? 0) + reply.body.accepted)
  } else counts.failures.push(reply ? describe(reply) : 'no answer')
}

async function bill(site: Site, tenant: Tenant, n: number, counts: SoakCounts): Promise<void> {
  const reply = await call(site.apps[0]!, {
    path: `/api/v1/billing/customer-${n % CUSTOMERS}`,
    token: tenant.key,
  })
  if (reply?.status === 200 || reply?.status === 404) counts.bills++
  else counts.failures.push(reply ? describe(reply) : 'no answer')
}
