import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { AccountChange } from '../../src/billing/account.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { accountStoreOn } from '../support/account-store.ts'
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
import { postgresBackends } from '../support/postgres.ts'

const first = { after: null, limit: 100 }
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe.each(postgresBackends)('an account on $name', ({ open }) => {
  const on = accountStoreOn(open)

  it('that is not there yet is empty, at version 0', async () => {
    const names = ['b', 'a', '"quoted" {😀}', 'é']
    const found = await on.store.loadAccounts(on.tenantId, names)
    expect(found).toEqual(
      names.map((customerId) => ({
        tenantId: on.tenantId,
        customerId,
        version: 0,
        currency: null,
        subscriptions: [],
        invoices: [],
        grants: [],
        terms: [],
        coupons: [],
        creditNotes: [],
        recounts: [],
        customer: { name: null, email: null, taxRates: [] },
      })),
    )
  })

  it('is read as it was written, and each save moves its version by one', async () => {
    const subscription = subscriptionOf('alice')
    const ended = subscriptionOf('alice', { dueMs: null })
    const draft = draftOf('alice', { sequence: 1 })
    const issued = issuedOf('alice')
    const grant = grantOf('alice')
    const numbers = await on.save('alice', {
      subscriptions: [subscription, ended],
      invoices: [draft, issued],
      grants: [grant],
      entries: [entryOf(grant, '10.00')],
    })
    expect(numbers).toEqual(new Map([[issued.id, 1]]))
    expect(await on.load('alice')).toMatchObject({
      version: 1,
      currency: 'USD',
      subscriptions: [subscription],
      invoices: [{ ...issued, number: 1 }, draft],
      grants: [{ ...grant, remaining: '10.00' }],
    })

    const changed = { ...subscription, nextSequence: 2, cancelAtMs: DECEMBER_MS, metadata: {} }
    await on.save('alice', {
      currency: 'EUR',
      subscriptions: [changed],
      invoices: [{ ...draft, endMs: DECEMBER_MS - 1 }],
    })
    expect(await on.load('alice')).toMatchObject({
      version: 2,
      currency: 'EUR',
      subscriptions: [changed],
      invoices: [
        { ...issued, number: 1 },
        { ...draft, endMs: DECEMBER_MS - 1 },
      ],
    })
    expect(await on.store.findSubscription(on.tenantId, ended.id)).toEqual(ended)
    expect(await on.store.findSubscription(on.tenantId, newId())).toBeNull()
    expect(await on.store.findInvoice(on.tenantId, issued.id)).toEqual({ ...issued, number: 1 })
  })

  it('brings along what late events can’t reach any more, and credit notes, only where it is asked for', async () => {
    const final = issuedOf('alice', { usageFinal: true })
    const open = issuedOf('alice')
    const notes = [creditNoteOf(final), creditNoteOf(final)]
    const others = creditNoteOf(open)
    await on.save('alice', { invoices: [final, open], creditNotes: [...notes, others] })
    expect(await on.load('alice')).toMatchObject({ invoices: [{ id: open.id }], creditNotes: [] })
    const asked = await on.load('alice', [final.id, newId()])
    expect(asked.invoices).toEqual([
      { ...open, number: 2 },
      { ...final, number: 1 },
    ])
    expect(asked.creditNotes).toEqual(notes.map((note, i) => ({ ...note, number: i + 1 })))
    // An open one that is asked for is there once.
    expect((await on.load('alice', [open.id])).invoices).toHaveLength(1)
    // Whose invoice it is counts, not who asks.
    expect((await on.load('bob', [final.id])).invoices).toEqual([])
  })

  it('knows the versions of plans that its phases name, its coupons, and the customer', async () => {
    const terms = (trial_days: number) =>
      JSON.stringify({
        prices: [],
        fees: [],
        interval: 'month',
        interval_count: 1,
        trial_days,
        entitlements: {},
      })
    for (const statement of [
      sql`insert into tenants (id, name, timezone, currency) values (${on.tenantId}::uuid, 't', 'UTC', 'USD')`,
      sql`insert into plan_versions (tenant_id, plan, version, terms) select ${on.tenantId}::uuid, plan, n, ${terms(7)}::text::jsonb
          from unnest(array['pro', 'basic', 'other']) as plan, generate_series(1, 3) as n`,
      sql`insert into coupons (tenant_id, key, percent_off) select ${on.tenantId}::uuid, key, '10' from unnest(array['a', 'b', 'c']) as key`,
      sql`insert into customers (tenant_id, customer_id, name, email, metadata, tax_rates) values
          (${on.tenantId}::uuid, 'alice', 'Alice', 'a@b', '{}'::jsonb, '[{"name": "VAT", "percent": "19"}]'::jsonb)`,
    ])
      await rows(on.backend.db, statement)
    const phase = (plan: string, version: number, fromMs: number) => ({
      fromMs,
      plan,
      version,
      overrides: [],
      anchorDate: '2026-11-01',
    })
    await on.save('alice', {
      subscriptions: [
        subscriptionOf('alice', {
          phases: [
            phase('pro', 1, NOVEMBER_MS),
            phase('pro', 3, NOVEMBER_MS + 1),
            phase('basic', 2, DECEMBER_MS),
          ],
          coupons: [{ coupon: 'b', used: 1 }],
        }),
        subscriptionOf('alice', {
          phases: [phase('pro', 1, NOVEMBER_MS)],
          coupons: [
            { coupon: 'a', used: 0 },
            { coupon: 'b', used: 0 },
          ],
        }),
        // It is never billed again, and so what it was on is of no use.
        subscriptionOf('alice', {
          dueMs: null,
          phases: [phase('other', 1, NOVEMBER_MS)],
          coupons: [{ coupon: 'c', used: 1 }],
        }),
      ],
    })
    const { terms: found, coupons, customer } = await on.load('alice')
    expect(found.map(({ plan, version }) => `${plan} ${version}`).sort()).toEqual([
      'basic 2',
      'pro 1',
      'pro 3',
    ])
    expect(found[0]!.terms).toEqual(JSON.parse(terms(7)))
    expect(coupons.map(({ key }) => key).sort()).toEqual(['a', 'b'])
    expect(coupons[0]).toMatchObject({
      percentOff: '10',
      amountOff: null,
      createdAt: expect.any(Date),
      archivedAt: null,
    })
    expect(customer).toEqual({ name: 'Alice', email: 'a@b', taxRates: [{ name: 'VAT', percent: '19' }] })
  })

  it('that was saved with an old version is as before, while others of the same batch are written', async () => {
    const everything = (customerId: string): Partial<AccountChange> => {
      const invoices = [draftOf(customerId), issuedOf(customerId), issuedOf(customerId)]
      const grant = grantOf(customerId)
      return {
        currency: 'EUR',
        subscriptions: [subscriptionOf(customerId)],
        invoices,
        grants: [grant],
        entries: [entryOf(grant, '1.00')],
        creditNotes: [creditNoteOf(invoices[1]!)],
      }
    }
    const mine = { subscriptions: [subscriptionOf('alice')], invoices: [draftOf('alice')] }
    await on.save('alice', mine)
    await on.save('bob', {})
    const before = await on.store.loadAccounts(on.tenantId, ['alice', 'carol'])

    const stale = everything('alice')
    stale.subscriptions!.push({ ...mine.subscriptions[0]!, cancelAtMs: 1 })
    stale.invoices!.push({ ...mine.invoices[0]!, endMs: 1 })
    const saved = await on.store.saveAccounts(on.tenantId, [
      // seen too early, as it is, of what is not there, too late
      changeOf('alice', 0, stale),
      changeOf('bob', 1, everything('bob')),
      changeOf('carol', 1, everything('carol')),
      changeOf('dave', 0, everything('dave')),
    ])
    expect(saved.map(({ customerId }) => customerId).sort()).toEqual(['bob', 'dave'])
    expect(await on.store.saveAccounts(on.tenantId, [changeOf('alice', 2, stale)])).toEqual([])

    expect(await on.store.loadAccounts(on.tenantId, ['alice', 'carol'])).toEqual(before)
    for (const customerId of ['alice', 'carol']) {
      expect(await on.store.listInvoices(on.tenantId, { customerId }, first)).toHaveLength(
        customerId === 'alice' ? 1 : 0,
      )
      expect(await on.store.listGrants(on.tenantId, customerId, first)).toEqual([])
      expect(await on.store.listCreditEntries(on.tenantId, customerId, first)).toEqual([])
    }
    expect(await on.store.loadAccounts(on.tenantId, ['bob', 'dave'])).toMatchObject([
      { version: 2, currency: 'EUR', grants: [{ remaining: '1.00' }] },
      { version: 1, currency: 'EUR', grants: [{ remaining: '1.00' }] },
    ])
    // What was not written took no number.
    expect(saved.flatMap(({ numbers }) => [...numbers.values()]).sort()).toEqual([1, 1, 2, 2, 3, 4])
    expect(await on.numbersThere()).toEqual([1, 2, 3, 4])
    expect(await on.numbersThere('credit_notes')).toEqual([1, 2])
  })

  it('is written by one of those who save it at the same instant', async () => {
    for (const seen of [0, 1, 2]) {
      const outcomes = await Promise.all(
        upTo(8).map((n) =>
          on.store.saveAccounts(on.tenantId, [
            changeOf('alice', seen, { subscriptions: [subscriptionOf('alice', { nextSequence: n })] }),
          ]),
        ),
      )
      expect(outcomes.flat()).toHaveLength(1)
      const { version, subscriptions } = await on.load('alice')
      expect([version, subscriptions.length]).toEqual([seen + 1, seen + 1])
    }
  })

  it('is not written where another subscription of the tenant was faster with the same external id', async () => {
    const externalId = 'sub_1'
    const made = (customerId: string) =>
      changeOf(customerId, 0, {
        subscriptions: [subscriptionOf(customerId, { externalId })],
        invoices: [issuedOf(customerId)],
      })
    const outcomes = await Promise.all(
      ['alice', 'bob', 'carol'].map((one) => on.store.saveAccounts(on.tenantId, [made(one)])),
    )
    const [saved] = outcomes.flat()
    expect(outcomes.flat()).toHaveLength(1)
    const found = await on.store.findByExternalId(on.tenantId, externalId)
    expect(found).toMatchObject({ customerId: saved!.customerId, externalId })
    expect(await on.numbersThere()).toEqual([1])
    expect(await on.store.listSubscriptions(on.tenantId, { externalId }, first)).toEqual([found])
    // It may be written again, and another tenant may have its own.
    const again = changeOf(saved!.customerId, 1, { subscriptions: [{ ...found!, nextSequence: 3 }] })
    expect(await on.store.saveAccounts(on.tenantId, [again])).toHaveLength(1)
    const other = newId()
    expect(await on.store.findByExternalId(other, externalId)).toBeNull()
    expect(await on.store.saveAccounts(other, [made('alice')])).toHaveLength(1)
  })
})
