// Two tenants with the same keys, the same customers and even the same ids, but other content: whatever one of them reads is
// as if the other one weren't there, and no place in one's lists is a place in the other's.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newKey } from '../../src/access/create-key.ts'
import type { AccessStore } from '../../src/access/ports.ts'
import type { CatalogStore } from '../../src/billing/ports.ts'
import { onlyPrices } from '../../src/billing/terms.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import {
  changeOf,
  creditNoteOf,
  DECEMBER_MS,
  draftOf,
  entryOf,
  grantOf,
  issuedOf,
  NOVEMBER_MS,
  newId,
  subscriptionOf,
} from '../support/accounts.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const customerId = 'alice'
const all = { after: null, limit: 100 }

/** The ids that both have. */
const shared = () => ({
  subscription: newId(),
  invoices: [newId(), newId(), newId()] as const,
  grant: newId(),
  entry: newId(),
  notes: [newId(), newId()] as const,
})
type Ids = ReturnType<typeof shared>

// What a statement says doesn't depend on the driver.
describe.each(postgresBackends.slice(0, 1))('what another tenant has, on $name', ({ open }) => {
  let backend: PostgresBackend
  let access: AccessStore
  let catalog: CatalogStore
  let accounts: PostgresAccountStore
  let coupons: PostgresCouponStore
  let usage: PostgresUsageStore
  beforeAll(async () => {
    backend = await open()
    access = postgresAccess(backend.db)
    catalog = postgresCatalog(backend.db)
    accounts = new PostgresAccountStore(backend.db)
    coupons = new PostgresCouponStore(backend.db)
    usage = new PostgresUsageStore(backend.db)
  })
  afterAll(() => backend?.close())

  let mine: string
  let theirs: string
  let ids: Ids
  beforeEach(async () => {
    ids = shared()
    ;[mine, theirs] = [await newTenant('mine'), await newTenant('theirs')]
  })

  async function newTenant(name: string): Promise<string> {
    const tenant = { id: newId(), name, timezone: 'UTC', currency: 'USD', unmetered: 'refuse' as const }
    await access.createTenant(tenant, newKey(name, { newId }).stored, 'default')
    return tenant.id
  }

  /** `n`: what is different between the two. */
  async function fill(tenantId: string, n: number): Promise<void> {
    const name = `Of tenant ${n}`
    const at = (ms: number) => ms + n
    for (const key of ['calls', 'tokens'])
      await catalog.createMeter(tenantId, {
        ...{
          id: `id_${key}`,
          key,
          name,
          resourceType: key,
          aggregation: 'sum',
          value: 'quantity',
          groupBy: [],
        },
        ...{ missing: 'refuse', filter: [], countsFromMs: null },
      })
    const terms = { ...onlyPrices([]), trial_days: n }
    await catalog.createPlan(tenantId, { key: 'pro', name, currency: 'USD', terms }, n === 2)
    await catalog.changePlan(tenantId, 'pro', { terms: { ...terms, trial_days: 10 + n }, seenVersion: 1 })
    for (const [key, percentOff] of [
      ['welcome', String(n)],
      ['other', '50'],
    ] as const)
      await coupons.createCoupon(tenantId, {
        ...{ key, name, percentOff, amountOff: null, currency: null, periods: n },
      })
    await access.createCustomer(tenantId, {
      ...{ customerId, name, email: null, plan: n === 1 ? 'pro' : null, metadata: { n: name } },
      taxRates: [{ name, percent: String(n) }],
    })
    await use(tenantId, customerId, n)
    const subscription = subscriptionOf(customerId, {
      id: ids.subscription,
      coupons: [{ coupon: 'welcome', used: n }],
      createdMs: at(NOVEMBER_MS),
    })
    const of = { subscriptionId: ids.subscription, createdMs: at(NOVEMBER_MS) }
    const [first, second, third] = ids.invoices
    const invoices = [
      issuedOf(customerId, { ...of, id: first, sequence: 0, usageFinal: true, lateUntilMs: at(0) }),
      issuedOf(customerId, { ...of, id: second, sequence: 1, usageFinal: true, lateUntilMs: at(0) }),
      draftOf(customerId, { ...of, id: third, sequence: 2, lateUntilMs: at(0) }),
    ]
    const grant = grantOf(customerId, { id: ids.grant, name, createdMs: at(NOVEMBER_MS) })
    const change = changeOf(customerId, 0, {
      subscriptions: [subscription],
      invoices,
      grants: [grant],
      entries: [entryOf(grant, `${n}.00`, { id: ids.entry, createdMs: at(NOVEMBER_MS) })],
      creditNotes: ids.notes.map((id) => creditNoteOf(invoices[0]!, { id, reason: name })),
    })
    expect(await accounts.saveAccounts(tenantId, [change])).toHaveLength(1)
  }

  const use = (tenantId: string, customer: string, quantity: number) =>
    usage.settle({ id: newId(), partition: 0, bornMs: 0, quarantined: null, offer: '' }, [
      {
        ...{ tenantId, customerId: customer, meter: 'id_calls', bucketMs: NOVEMBER_MS, groups: '[]' },
        ...{ distinctValue: '', merge: 'add', a: String(quantity), b: '1' },
      },
    ])

  /** Whatever can be read of a tenant. */
  async function everything(tenantId: string) {
    const [invoice] = ids.invoices
    const november = { startMs: NOVEMBER_MS, endMs: DECEMBER_MS }
    return {
      config: await access.loadConfig(tenantId),
      keys: await access.listKeys(tenantId, all),
      meter: await catalog.findMeter(tenantId, 'calls'),
      meters: await catalog.listMeters(tenantId, all),
      plan: await catalog.findPlan(tenantId, 'pro'),
      version: await catalog.findPlan(tenantId, 'pro', 1),
      versions: await catalog.listPlanVersions(tenantId, 'pro', all),
      plans: await catalog.listPlans(tenantId, all),
      planOf: await catalog.planOfCustomer(tenantId, customerId),
      planOfAnyone: await catalog.planOfCustomer(tenantId, 'nobody'),
      customer: await access.findCustomer(tenantId, customerId),
      customers: await access.listCustomers(tenantId, all),
      usedCustomers: await usage.settledCustomers(tenantId, '', 100),
      totals: await usage.totals(
        {
          ...{
            tenantId,
            customerIds: [customerId],
            meters: ['id_calls'],
            levelMeters: [],
            groupPositions: [],
          },
          boundariesMs: [NOVEMBER_MS, DECEMBER_MS],
        },
        [],
      ),
      coupon: await coupons.findCoupon(tenantId, 'welcome'),
      coupons: await coupons.listCoupons(tenantId, all),
      account: await accounts.loadAccounts(tenantId, [customerId], {
        invoiceIds: [invoice],
        endedAfterMs: 0,
      }),
      subscription: await accounts.findSubscription(tenantId, ids.subscription),
      subscriptions: await accounts.listSubscriptions(tenantId, {}, all),
      invoice: await accounts.findInvoice(tenantId, invoice),
      invoices: await accounts.listInvoices(tenantId, { customerId }, all),
      invoicesWithin: await accounts.invoicesWithin(tenantId, [customerId], november),
      grant: await accounts.findGrant(tenantId, ids.grant),
      grants: await accounts.listGrants(tenantId, customerId, all),
      entries: await accounts.listCreditEntries(tenantId, customerId, all),
      note: await accounts.findCreditNote(tenantId, ids.notes[0]),
      notes: await accounts.listCreditNotes(tenantId, invoice, all),
    }
  }

  it('shows in nothing that is read', async () => {
    await fill(mine, 1)
    const before = await everything(mine)
    for (const [what, found] of Object.entries(before)) {
      expect([what, found]).not.toEqual([what, null])
      if (Array.isArray(found)) expect([what, found.length > 0]).toEqual([what, true])
    }
    const [account] = before.account
    expect(account).toMatchObject({
      subscriptions: [{ id: ids.subscription }],
      grants: [{ remaining: '1.00' }],
      coupons: [{ key: 'welcome', percentOff: '1' }],
      creditNotes: [{ reason: 'Of tenant 1' }, { reason: 'Of tenant 1' }],
      customer: { name: 'Of tenant 1' },
    })
    expect(account!.invoices).toHaveLength(3)
    await fill(theirs, 2)
    expect(await everything(mine)).toEqual(before)
    expect((await everything(theirs)).coupon).toMatchObject({ percentOff: '2' })
  })

  it('changes by nothing that is written, and what is found for one is not found for one who has nothing', async () => {
    await fill(mine, 1)
    const before = await everything(mine)
    await fill(theirs, 2)
    await catalog.changeMeter(theirs, 'calls', { name: 'Theirs' })
    await catalog.archiveMeter(theirs, 'tokens')
    await catalog.changePlan(theirs, 'pro', { name: 'Theirs', default: true, seenVersion: 2 })
    await access.changeCustomer(theirs, customerId, { name: 'Theirs', tax_rates: [] }, false)
    await coupons.archiveCoupon(theirs, 'welcome')
    await access.createKey(theirs, newKey('another', { newId }).stored)
    await access.raiseConfigVersion(theirs, 1_000)
    const [account] = await accounts.loadAccounts(theirs, [customerId])
    await accounts.saveAccounts(theirs, [
      changeOf(customerId, account!.version, {
        subscriptions: account!.subscriptions.map((one) => ({ ...one, dueMs: null })),
        invoices: account!.invoices.map((one) => ({ ...one, status: 'void' as const })),
      }),
    ])
    expect(await everything(mine)).toEqual(before)
  })

  it('is no usage of a customer that has none', async () => {
    await use(theirs, customerId, 1)
    expect(await access.findCustomer(mine, customerId)).toEqual({ customer: null, used: false })
    expect(await access.findCustomer(theirs, customerId)).toEqual({ customer: null, used: true })
  })

  it('is no place to go on from in a list', async () => {
    await fill(mine, 1)
    const mineToo = [NOVEMBER_MS - 1_000, NOVEMBER_MS + 2_000]
    const invoiceOf = (createdMs: number) => draftOf(customerId, { createdMs })
    const write = async (tenantId: string, times: number[], seen: number) => {
      const grants = times.map((createdMs) => grantOf(customerId, { createdMs }))
      const invoices = times.map(invoiceOf)
      const notes = times.map(() => creditNoteOf({ ...invoices[0]!, id: ids.invoices[0] }))
      const subscriptions = times.map((createdMs) => subscriptionOf(customerId, { createdMs }))
      const entries = grants.map((grant) => entryOf(grant, '1', { createdMs: grant.createdMs }))
      const change = { subscriptions, invoices, grants, entries, creditNotes: notes }
      await accounts.saveAccounts(tenantId, [changeOf(customerId, seen, change)])
      return change
    }
    await write(mine, mineToo, 1)
    // In the middle of mine, by its time and by its number.
    const of = await write(theirs, [NOVEMBER_MS + 1_000], 0)
    const key = newKey('theirs', { newId }).stored
    await access.createKey(theirs, key)
    await access.createKey(mine, newKey('later', { newId }).stored)
    const [invoice] = ids.invoices
    const behind = (items: { id: string }[]) => ({ after: items[0]!.id, limit: 100 })
    expect({
      subscriptions: await accounts.listSubscriptions(mine, {}, behind(of.subscriptions)),
      invoices: await accounts.listInvoices(mine, {}, behind(of.invoices)),
      grants: await accounts.listGrants(mine, customerId, behind(of.grants)),
      entries: await accounts.listCreditEntries(mine, customerId, behind(of.entries)),
      notes: await accounts.listCreditNotes(mine, invoice, behind(of.creditNotes)),
      keys: await access.listKeys(mine, behind([key])),
    }).toEqual({ subscriptions: [], invoices: [], grants: [], entries: [], notes: [], keys: [] })
    expect(await accounts.listCreditNotes(mine, invoice, all)).toHaveLength(4)
  })

  it('is due by itself: an account comes with what is its own', async () => {
    // The one that has waited longest is what the statement finds, whatever other tests left.
    await rows(backend.db, sql`update subscriptions set due_at = null`)
    await fill(mine, 1)
    await fill(theirs, 2)
    const dueMs = NOVEMBER_MS
    const [account] = await accounts.loadAccounts(mine, [customerId])
    const subscriptions = account!.subscriptions.map((one) => ({ ...one, dueMs }))
    await accounts.saveAccounts(mine, [changeOf(customerId, 1, { subscriptions })])
    const due = await accounts.dueAccounts(dueMs, 10)
    expect(due).toHaveLength(1)
    expect(due).toEqual(await accounts.loadAccounts(mine, [customerId]))
  })
})
