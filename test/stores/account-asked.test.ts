// The account that tests of billing's rules are made with, held against Postgres: what it gives for each decision is what the
// store gives, with what was asked for besides.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../src/billing/account.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { CustomerAccount, DAY_MS, meter } from '../billing/customer-account.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

describe.each(postgresBackends)('accounts as tests have them, on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresAccountStore
  beforeAll(async () => {
    backend = await open()
    store = new PostgresAccountStore(backend.db)
  })
  afterAll(() => backend?.close())

  it('are the store’s, whatever was asked for', async () => {
    const price = { model: 'per_unit', unit_amount: '1' }
    const account = new CustomerAccount('2026-01-01T00:00Z', { meters: [meter('calls'), meter('seats')] })
      .plan('pro', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '31' }] })
      .plan('large', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '310' }] })
      .plan('larger', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '620' }] })
      .plan('seats', { prices: [{ meter: 'seats', price }] })
    await account.grant({ amount: '40' })
    const pro = await account.subscribe({ plan: 'pro' })
    const later = await account.subscribe({ plan: 'seats', start: '2026-03-01T00:00:00Z' })
    await account.cancel(later.id, 'now')
    for (const plan of ['large', 'larger']) {
      account.at(plan === 'large' ? '2026-01-10T00:00Z' : '2026-01-20T00:00Z')
      await account.change(pro.id, { plan, when: 'now', invoice: 'now' })
    }
    account.use('5', '2026-01-05T00:00Z').closeUntil('2026-02-05T00:00Z').use('7', '2026-01-06T00:00Z')
    await account.closeUntil('2026-02-10T10:00Z').cancel(pro.id, 'now')
    const [opening, change, again, january] = account.invoices(pro.id)
    expect([change!.kind, again!.kind, january!.kind]).toEqual(['change', 'change', 'period'])
    await account.note(january!.id, { amount: '1' })
    await account.move(january!.id, 'paid')
    account.closeUntil('2026-02-12T00:00Z').use('2', '2026-02-06T00:00Z').closeUntil('2026-06-01T00:00Z')
    await account.subscribe({ plan: 'seats' })
    const trailing = account.invoices(pro.id).at(-1)!
    expect(trailing.kind).toBe('trailing')

    const { tenantId } = account.tenant
    for (const change of account.written) {
      const [saved] = await store.saveAccounts(tenantId, [change])
      expect(saved).toBeDefined()
      expect(await store.saveAccounts(tenantId, [change])).toEqual([])
    }
    const endMs = account.subscriptions.get(pro.id)!.cancelAtMs!
    for (const asked of [
      {},
      { invoiceIds: [opening!.id] },
      { invoiceIds: [change!.id] },
      { invoiceIds: [again!.id] },
      { invoiceIds: [january!.id, trailing.id] },
      { endedAfterMs: endMs - 1 },
      { endedAfterMs: endMs },
      { endedAfterMs: endMs - 400 * DAY_MS, invoiceIds: [trailing.id] },
    ]) {
      const [found] = await store.loadAccounts(tenantId, ['alice'], asked)
      expect(inOrder(found!)).toEqual(inOrder(account.account(asked)))
    }
  })
})

/** What the store reads of other tables is left out: plans, coupons, and who the customer is. */
const inOrder = ({ version, currency, subscriptions, invoices, grants, creditNotes }: Account) => ({
  version,
  currency,
  subscriptions: byId(subscriptions),
  invoices: byId(invoices),
  grants: byId(grants).map((grant) => ({ ...grant, remaining: Number(grant.remaining) })),
  creditNotes: byId(creditNotes),
})

const byId = <Item extends { id: string }>(items: Item[]): Item[] =>
  items.toSorted((x, y) => (x.id < y.id ? -1 : 1))
