// The tenant of a round, with meters of several aggregations and a price.

import { call, describe, must } from './calls.ts'
import type { Quantities } from './ledger.ts'
import type { Served } from './site.ts'
import { meters } from './workload.ts'

export type Tenant = { id: string; key: string }

export async function newTenant(site: Served, name: string): Promise<Tenant> {
  const app = site.apps[0]!
  const made = await must(app, {
    method: 'POST',
    path: '/api/v1/tenants',
    token: site.adminToken,
    body: { name },
  })
  const token = made.api_key.key
  for (const body of meters) await must(app, { method: 'POST', path: '/api/v1/meters', token, body })
  await must(app, {
    method: 'PATCH',
    path: `/api/v1/plans/${made.default_plan}`,
    token,
    body: { prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '1' } }] },
  })
  return { id: made.id, key: token }
}

export type Shown = { quantities: Quantities; liveMeters: string[] }
export type Period = { startMs: number; endMs: number }

const queryOf = ({ startMs, endMs }: Period): string =>
  `from=${new Date(startMs).toISOString()}&to=${new Date(endMs).toISOString()}`

type Row = { meter: string; quantity: string; live_quantity: string }
const shownOf = (rows: Row[]): Shown => ({
  quantities: new Map(rows.map(({ meter, quantity }) => [meter, quantity])),
  liveMeters: rows.filter(({ live_quantity }) => live_quantity !== '0').map(({ meter }) => meter),
})

type ReadResult = Shown | 'unavailable' | { wrong: string }

/** How a customer's quantities are read: two routes that must tell the same. */
export async function read(
  kind: 'bill' | 'usage',
  site: Served,
  appNumber: number,
  { tenant, customer, period }: { tenant: Tenant; customer: string; period: Period },
): Promise<ReadResult> {
  const path =
    kind === 'bill'
      ? `/api/v1/billing/${customer}?${queryOf(period)}`
      : `/api/v1/usage?customer_id=${customer}&${queryOf(period)}`
  const reply = await call(site.apps[appNumber]!, { path, token: tenant.key })
  if (reply === null || reply.status === 503) return 'unavailable'
  // A bill of a customer of whom nothing is known; the ledger tells whether that can be.
  if (kind === 'bill' && reply.status === 404) return shownOf([])
  if (reply.status !== 200) return { wrong: `GET ${path}: ${describe(reply)}` }
  if (kind === 'usage') return shownOf(reply.body.data)
  const shown = shownOf(reply.body.lines)
  const calls = shown.quantities.get('calls') ?? '0'
  return reply.body.total === `${calls}.00`
    ? shown
    : { wrong: `GET ${path}: a total of ${reply.body.total} for ${calls} calls at 1.00` }
}
