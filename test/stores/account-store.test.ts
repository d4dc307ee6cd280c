import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Account, AccountChange } from '../../src/billing/account.ts'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
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

const first = { after: null, limit: 100 }
const DAY_MS = 86_400_000
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe.each(postgresBackends)('an account store on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresAccountStore
  let tenantId: string

  beforeAll(async () => {
    backend = await open()
    store = new PostgresAccountStore(backend.db)
  })
  afterAll(() => backend?.close())
  beforeEach(() => {
    tenantId = newId()
  })

  const load = async (customerId: string, invoiceIds: string[] = []): Promise<Account> =>
    (await store.loadAccounts(tenantId, [customerId], invoiceIds))[0]!
  /** Saves on top of what is there. */
  const save = async (customerId: string, more: Partial<AccountChange>) => {
    const [saved] = await store.saveAccounts(tenantId, [
      changeOf(customerId, (await load(customerId)).version, more),
    ])
    return saved!.numbers
  }
  const numbersThere = async (table: 'invoices' | 'credit_notes' = 'invoices') =>
    (
      await rows(
        backend.db,
        sql`select number::text as number from ${sql.identifier(table)}
          where tenant_id = ${tenantId}::uuid and number is not null`,
      )
    )
      .map(({ number }) => Number(number))
      .sort((x, y) => x - y)

  describe('an account', () => {
    it('that is not there yet is empty, at version 0', async () => {
      const names = ['b', 'a', '"quoted" {😀}', 'é']
      const found = await store.loadAccounts(tenantId, names)
      expect(found).toEqual(
        names.map((customerId) => ({
          tenantId,
          customerId,
          version: 0,
          currency: null,
          subscriptions: [],
          invoices: [],
          grants: [],
          terms: [],
          coupons: [],
          creditNotes: [],
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
      const numbers = await save('alice', {
        subscriptions: [subscription, ended],
        invoices: [draft, issued],
        grants: [grant],
        entries: [entryOf(grant, '10.00')],
      })
      expect(numbers).toEqual(new Map([[issued.id, 1]]))
      expect(await load('alice')).toMatchObject({
        version: 1,
        currency: 'USD',
        subscriptions: [subscription],
        invoices: [{ ...issued, number: 1 }, draft],
        grants: [{ ...grant, remaining: '10.00' }],
      })

      const changed = { ...subscription, nextSequence: 2, cancelAtMs: DECEMBER_MS, metadata: {} }
      await save('alice', {
        currency: 'EUR',
        subscriptions: [changed],
        invoices: [{ ...draft, endMs: DECEMBER_MS - 1 }],
      })
      expect(await load('alice')).toMatchObject({
        version: 2,
        currency: 'EUR',
        subscriptions: [changed],
        invoices: [
          { ...issued, number: 1 },
          { ...draft, endMs: DECEMBER_MS - 1 },
        ],
      })
      expect(await store.findSubscription(tenantId, ended.id)).toEqual(ended)
      expect(await store.findSubscription(tenantId, newId())).toBeNull()
      expect(await store.findInvoice(tenantId, issued.id)).toEqual({ ...issued, number: 1 })
    })

    it('brings along what late events can’t reach any more, and credit notes, only where it is asked for', async () => {
      const final = issuedOf('alice', { usageFinal: true })
      const open = issuedOf('alice')
      const notes = [creditNoteOf(final), creditNoteOf(final)]
      const others = creditNoteOf(open)
      await save('alice', { invoices: [final, open], creditNotes: [...notes, others] })
      expect(await load('alice')).toMatchObject({ invoices: [{ id: open.id }], creditNotes: [] })
      const asked = await load('alice', [final.id, newId()])
      expect(asked.invoices).toEqual([
        { ...open, number: 2 },
        { ...final, number: 1 },
      ])
      expect(asked.creditNotes).toEqual(notes.map((note, i) => ({ ...note, number: i + 1 })))
      // An open one that is asked for is there once.
      expect((await load('alice', [open.id])).invoices).toHaveLength(1)
      // Whose invoice it is counts, not who asks.
      expect((await load('bob', [final.id])).invoices).toEqual([])
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
        sql`insert into tenants (id, name, timezone, currency) values (${tenantId}::uuid, 't', 'UTC', 'USD')`,
        sql`insert into plan_versions (tenant_id, plan, version, terms) select ${tenantId}::uuid, plan, n, ${terms(7)}::text::jsonb
          from unnest(array['pro', 'basic', 'other']) as plan, generate_series(1, 3) as n`,
        sql`insert into coupons (tenant_id, key, percent_off) select ${tenantId}::uuid, key, '10' from unnest(array['a', 'b', 'c']) as key`,
        sql`insert into customers (tenant_id, customer_id, name, email, metadata, tax_rates) values
          (${tenantId}::uuid, 'alice', 'Alice', 'a@b', '{}'::jsonb, '[{"name": "VAT", "percent": "19"}]'::jsonb)`,
      ])
        await rows(backend.db, statement)
      const phase = (plan: string, version: number, fromMs: number) => ({
        fromMs,
        plan,
        version,
        overrides: [],
        anchorDate: '2026-11-01',
      })
      await save('alice', {
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
      const { terms: found, coupons, customer } = await load('alice')
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
      await save('alice', mine)
      await save('bob', {})
      const before = await store.loadAccounts(tenantId, ['alice', 'carol'])

      const stale = everything('alice')
      stale.subscriptions!.push({ ...mine.subscriptions[0]!, cancelAtMs: 1 })
      stale.invoices!.push({ ...mine.invoices[0]!, endMs: 1 })
      const saved = await store.saveAccounts(tenantId, [
        // seen too early, as it is, of what is not there, too late
        changeOf('alice', 0, stale),
        changeOf('bob', 1, everything('bob')),
        changeOf('carol', 1, everything('carol')),
        changeOf('dave', 0, everything('dave')),
      ])
      expect(saved.map(({ customerId }) => customerId).sort()).toEqual(['bob', 'dave'])
      expect(await store.saveAccounts(tenantId, [changeOf('alice', 2, stale)])).toEqual([])

      expect(await store.loadAccounts(tenantId, ['alice', 'carol'])).toEqual(before)
      for (const customerId of ['alice', 'carol']) {
        expect(await store.listInvoices(tenantId, { customerId }, first)).toHaveLength(
          customerId === 'alice' ? 1 : 0,
        )
        expect(await store.listGrants(tenantId, customerId, first)).toEqual([])
        expect(await store.listCreditEntries(tenantId, customerId, first)).toEqual([])
      }
      expect(await store.loadAccounts(tenantId, ['bob', 'dave'])).toMatchObject([
        { version: 2, currency: 'EUR', grants: [{ remaining: '1.00' }] },
        { version: 1, currency: 'EUR', grants: [{ remaining: '1.00' }] },
      ])
      // What was not written took no number.
      expect(saved.flatMap(({ numbers }) => [...numbers.values()]).sort()).toEqual([1, 1, 2, 2, 3, 4])
      expect(await numbersThere()).toEqual([1, 2, 3, 4])
      expect(await numbersThere('credit_notes')).toEqual([1, 2])
    })

    it('is written by one of those who save it at the same instant', async () => {
      for (const seen of [0, 1, 2]) {
        const outcomes = await Promise.all(
          upTo(8).map((n) =>
            store.saveAccounts(tenantId, [
              changeOf('alice', seen, { subscriptions: [subscriptionOf('alice', { nextSequence: n })] }),
            ]),
          ),
        )
        expect(outcomes.flat()).toHaveLength(1)
        const { version, subscriptions } = await load('alice')
        expect([version, subscriptions.length]).toEqual([seen + 1, seen + 1])
      }
    })
  })

  describe('numbers', () => {
    it('are given to what is issued, in the order that it comes in, and stay; drafts have none', async () => {
      const draft = draftOf('alice')
      const [one, two, three] = [issuedOf('alice'), issuedOf('alice'), issuedOf('bob')]
      const saved = await store.saveAccounts(tenantId, [
        changeOf('alice', 0, { invoices: [one, draft, two] }),
        changeOf('bob', 0, { invoices: [three] }),
      ])
      expect(new Map(saved.map(({ customerId, numbers }) => [customerId, numbers]))).toEqual(
        new Map([
          [
            'alice',
            new Map([
              [one.id, 1],
              [two.id, 2],
            ]),
          ],
          ['bob', new Map([[three.id, 3]])],
        ]),
      )
      expect((await store.findInvoice(tenantId, draft.id))?.number).toBeNull()

      const issued: Invoice = { ...draft, status: 'issued', issuedMs: DECEMBER_MS }
      const paid: Invoice = { ...one, number: 1, status: 'paid', movedMs: DECEMBER_MS + 1 }
      expect(await save('alice', { invoices: [paid, issued] })).toEqual(
        new Map([
          [paid.id, 1],
          [issued.id, 4],
        ]),
      )
      expect(await store.findInvoice(tenantId, paid.id)).toEqual(paid)
      expect(await store.findInvoice(tenantId, draft.id)).toEqual({ ...issued, number: 4 })
      expect(await numbersThere()).toEqual([1, 2, 3, 4])
    })

    it('of credit notes are counted apart', async () => {
      const invoice = issuedOf('alice')
      await save('alice', { invoices: [invoice, issuedOf('alice')] })
      const [one, two, three] = [creditNoteOf(invoice), creditNoteOf(invoice), creditNoteOf(invoice)]
      expect(await save('alice', { creditNotes: [one, two] })).toEqual(
        new Map([
          [one.id, 1],
          [two.id, 2],
        ]),
      )
      expect(await save('alice', { creditNotes: [three] })).toEqual(new Map([[three.id, 3]]))
      expect(await store.listCreditNotes(tenantId, invoice.id)).toEqual(
        [one, two, three].map((note, i) => ({ ...note, number: i + 1 })),
      )
    })

    it('have no gap and none twice, whoever saves at once, wins or loses', async () => {
      const invoices = (customerId: string) => [
        issuedOf(customerId),
        draftOf(customerId),
        issuedOf(customerId),
        issuedOf(customerId),
      ]
      // Each of the twenty has an account of its own, and one that four others want too, in another order.
      const outcomes = await Promise.all(
        upTo(20).map((n) => {
          const batch = [`own ${n}`, `shared ${n % 4}`].map((customerId) => {
            const mine = invoices(customerId)
            return changeOf(customerId, 0, { invoices: mine, creditNotes: [creditNoteOf(mine[0]!)] })
          })
          return store.saveAccounts(tenantId, n % 2 === 0 ? batch : batch.reverse())
        }),
      )
      expect(outcomes.flat()).toHaveLength(24)
      expect(await numbersThere()).toEqual(upTo(24 * 3))
      expect(await numbersThere('credit_notes')).toEqual(upTo(24))
      // What was answered is what is there.
      for (const { customerId, numbers } of outcomes.flat())
        for (const { id, number } of await store.listInvoices(tenantId, { customerId }, first))
          expect(number).toBe(numbers.get(id) ?? null)
    })

    it('have no gap where a statement fails, and nothing of that one is written', async () => {
      const taken = issuedOf('alice')
      await save('alice', { invoices: [taken] })
      // Another invoice for the same period of the same subscription.
      const bad = () => issuedOf('eve', { subscriptionId: taken.subscriptionId })
      const failing = () => [
        changeOf('dave', 0, { invoices: [issuedOf('dave')] }),
        changeOf('eve', 0, { invoices: [issuedOf('eve'), bad()], creditNotes: [creditNoteOf(taken)] }),
      ]
      await expect(store.saveAccounts(tenantId, failing())).rejects.toThrow()
      const outcomes = await Promise.allSettled(
        upTo(12).map((n) =>
          store.saveAccounts(
            tenantId,
            n % 3 === 0
              ? failing()
              : [changeOf(`c${n}`, 0, { invoices: [issuedOf(`c${n}`), issuedOf(`c${n}`)] })],
          ),
        ),
      )
      expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(4)
      expect(await store.loadAccounts(tenantId, ['dave', 'eve'])).toMatchObject([
        { version: 0, invoices: [] },
        { version: 0, invoices: [] },
      ])
      expect(await numbersThere()).toEqual(upTo(1 + 8 * 2))
      expect(await numbersThere('credit_notes')).toEqual([])
    })
  })

  describe('accounts that are due', () => {
    beforeEach(async () => {
      await rows(backend.db, sql`update subscriptions set due_at = null`)
    })
    const due = (customerId: string, ...dueMs: (number | null)[]) =>
      changeOf(customerId, 0, {
        subscriptions: dueMs.map((ms) => subscriptionOf(customerId, { dueMs: ms })),
      })

    it('are none before the time has come', async () => {
      await store.saveAccounts(tenantId, [due('alice', DECEMBER_MS, null)])
      expect(await store.dueAccounts(DECEMBER_MS - 1, 10)).toBeNull()
      expect(await store.dueAccounts(DECEMBER_MS, 10)).toMatchObject([{ customerId: 'alice' }])
    })

    it('are those of the tenant that has waited longest, the longest wait first, and no more than asked for', async () => {
      const other = newId()
      await store.saveAccounts(other, [due('theirs', 2 * DAY_MS), due('also theirs', 9 * DAY_MS)])
      await store.saveAccounts(tenantId, [
        due('a', 5 * DAY_MS, 3 * DAY_MS),
        due('b', 1 * DAY_MS, 100 * DAY_MS),
        due('c', 4 * DAY_MS),
        due('d', 11 * DAY_MS),
      ])
      const found = async (limit: number, nowMs = 10 * DAY_MS) =>
        (await store.dueAccounts(nowMs, limit))?.map((one) => [one.tenantId, one.customerId])
      const mine = (names: string[]) => names.map((name) => [tenantId, name])
      expect(await found(10)).toEqual(mine(['b', 'a', 'c']))
      expect(await found(1)).toEqual(mine(['b']))
      expect(await found(2)).toEqual(mine(['b', 'a']))
      expect(await found(10, 11 * DAY_MS)).toEqual(mine(['b', 'a', 'c', 'd']))
      // They come whole, with what is not due yet.
      expect((await store.dueAccounts(10 * DAY_MS, 1))![0]!.subscriptions).toHaveLength(2)
      expect(await store.dueAccounts(10 * DAY_MS, 10)).toEqual(
        await store.loadAccounts(tenantId, ['b', 'a', 'c']),
      )

      // When the longest wait is over, it is the other tenant's turn.
      const { version, subscriptions } = await load('b')
      const later = subscriptions.map((one) => ({ ...one, dueMs: 100 * DAY_MS }))
      await store.saveAccounts(tenantId, [changeOf('b', version, { subscriptions: later })])
      expect(await found(10)).toEqual([
        [other, 'theirs'],
        [other, 'also theirs'],
      ])
    })
  })

  describe('a credit grant', () => {
    it('has left what its entries add up to, to the digit', async () => {
      const [used, spent, overdrawn] = [grantOf('alice'), grantOf('alice'), grantOf('alice')]
      await save('alice', {
        grants: [used, spent, overdrawn],
        entries: [entryOf(used, '10.00'), entryOf(spent, '10.00'), entryOf(overdrawn, '10.00')],
      })
      await save('alice', {
        entries: [
          entryOf(used, '-0.10'),
          entryOf(used, '-0.20'),
          entryOf(spent, '-7.30'),
          entryOf(spent, '-2.70'),
          entryOf(overdrawn, '-12.50'),
        ],
      })
      const left = new Map([
        [used.id, '9.70'],
        [spent.id, '0.00'],
        [overdrawn.id, '-2.50'],
      ])
      for (const grant of [used, spent, overdrawn])
        expect(await store.findGrant(tenantId, grant.id)).toEqual({ ...grant, remaining: left.get(grant.id) })
      const listed = await store.listGrants(tenantId, 'alice', first)
      expect(new Map(listed.map(({ id, remaining }) => [id, remaining]))).toEqual(left)
      // An account has those of which something is left, or is owed.
      const { grants } = await load('alice')
      expect(grants.map(({ id }) => id).sort()).toEqual([used.id, overdrawn.id].sort())
      expect(await store.findGrant(tenantId, newId())).toBeNull()
    })
  })

  describe('a list', () => {
    const customerId = 'alice'
    /** Some at the same instant, in no order. */
    const times = [3, 1, 2, 2, 5, 2, 4].map((n) => NOVEMBER_MS + n)
    const newestFirst = <Item extends { id: string; createdMs: number }>(items: Item[]) =>
      items.toSorted((x, y) => y.createdMs - x.createdMs || (x.id < y.id ? 1 : -1))

    const fill = async () => {
      const grants = times.map((createdMs) => grantOf(customerId, { createdMs }))
      const change = {
        subscriptions: times.map((createdMs) => subscriptionOf(customerId, { createdMs })),
        invoices: times.map((createdMs) => draftOf(customerId, { createdMs })),
        grants,
        entries: grants.map((grant) => entryOf(grant, '1', { createdMs: grant.createdMs })),
      }
      await save(customerId, change)
      return change
    }

    it('is newest first, and goes on after the last one that was seen', async () => {
      const { subscriptions, invoices, grants, entries } = await fill()
      type Lister = (page: { after: string | null; limit: number }) => Promise<{ id: string }[]>
      const lists: [{ id: string; createdMs: number }[], Lister][] = [
        [subscriptions, (page) => store.listSubscriptions(tenantId, { customerId }, page)],
        [subscriptions, (page) => store.listSubscriptions(tenantId, {}, page)],
        [invoices, (page) => store.listInvoices(tenantId, {}, page)],
        [grants, (page) => store.listGrants(tenantId, customerId, page)],
        [entries, (page) => store.listCreditEntries(tenantId, customerId, page)],
      ]
      for (const [items, list] of lists) {
        const expected = newestFirst(items).map(({ id }) => id)
        const ids = async (after: string | null, limit: number) =>
          (await list({ after, limit })).map(({ id }) => id)
        expect(await ids(null, 100)).toEqual(expected)
        // One more than the limit says that there is another page.
        for (let at = 0; at <= expected.length; at++)
          expect(await ids(expected[at - 1] ?? null, 2)).toEqual(expected.slice(at, at + 3))
      }
    })

    it('of credit entries has them as they were written', async () => {
      const { entries } = await fill()
      expect(await store.listCreditEntries(tenantId, customerId, first)).toEqual(newestFirst(entries))
    })

    it('of invoices is of a customer, of a subscription, or of a status, if that is asked for', async () => {
      const subscriptionId = newId()
      const [one, two] = [
        issuedOf('alice', { subscriptionId, sequence: 0 }),
        issuedOf('alice', { subscriptionId, sequence: 1, status: 'paid', createdMs: NOVEMBER_MS + 1 }),
      ]
      const draft = draftOf('alice', { subscriptionId, sequence: 2, createdMs: NOVEMBER_MS + 2 })
      const bobs = issuedOf('bob', { createdMs: NOVEMBER_MS + 3 })
      await save('alice', { invoices: [one, two, draft] })
      await save('bob', { invoices: [bobs] })
      const ids = async (filter: Parameters<typeof store.listInvoices>[1]) =>
        (await store.listInvoices(tenantId, filter, first)).map(({ id }) => id)
      expect(await ids({})).toEqual([bobs.id, draft.id, two.id, one.id])
      expect(await ids({ customerId: 'alice' })).toEqual([draft.id, two.id, one.id])
      expect(await ids({ customerId: 'bob', subscriptionId })).toEqual([])
      expect(await ids({ subscriptionId })).toEqual([draft.id, two.id, one.id])
      expect(await ids({ status: 'draft' })).toEqual([draft.id])
      expect(await ids({ status: 'issued', customerId: 'alice' })).toEqual([one.id])
    })
  })

  it('gives the invoices of periods that lie within another one: issued, and not voided', async () => {
    const of = (fromDay: number, toDay: number, more: Partial<Invoice> = {}) =>
      issuedOf('alice', {
        startMs: NOVEMBER_MS + fromDay * DAY_MS,
        endMs: NOVEMBER_MS + toDay * DAY_MS,
        ...more,
      })
    const [whole, first, last, paid] = [of(0, 30), of(0, 1), of(29, 30), of(3, 4, { status: 'paid' })]
    const bobs = { ...of(0, 30), customerId: 'bob' }
    await save('alice', {
      invoices: [
        whole,
        // Begins earlier, ends later, is empty and ends where the other one begins, is after it.
        of(-1, 30),
        of(0, 31),
        of(0, 0),
        of(30, 31),
        of(3, 4, { status: 'void' }),
        draftOf('alice'),
        last,
        first,
        paid,
      ],
    })
    await save('bob', { invoices: [bobs] })
    await save('carol', { invoices: [issuedOf('carol')] })
    const november = { startMs: NOVEMBER_MS, endMs: DECEMBER_MS }
    const ids = async (customerIds: string[]) =>
      (await store.invoicesWithin(tenantId, customerIds, november)).map(({ id }) => id)
    expect(await ids(['alice'])).toEqual([whole.id, last.id, first.id, paid.id])
    expect(await ids(['alice', 'bob'])).toEqual([whole.id, last.id, first.id, paid.id, bobs.id])
    expect(await ids([])).toEqual([])
    expect((await store.invoicesWithin(tenantId, ['bob'], november))[0]).toEqual({ ...bobs, number: 10 })
  })

  it('shows nothing to another tenant, and another one’s save changes nothing', async () => {
    const subscription = subscriptionOf('alice')
    const invoice = issuedOf('alice')
    const grant = grantOf('alice')
    const entries = [entryOf(grant, '10.00')]
    const change = {
      subscriptions: [subscription],
      invoices: [invoice],
      grants: [grant],
      entries,
      creditNotes: [creditNoteOf(invoice)],
    }
    await save('alice', change)
    const mine = tenantId
    const before = await load('alice', [invoice.id])

    tenantId = newId()
    expect(await load('alice', [invoice.id])).toMatchObject({
      version: 0,
      subscriptions: [],
      invoices: [],
      grants: [],
      creditNotes: [],
    })
    expect(await store.findSubscription(tenantId, subscription.id)).toBeNull()
    expect(await store.findInvoice(tenantId, invoice.id)).toBeNull()
    expect(await store.findGrant(tenantId, grant.id)).toBeNull()
    expect(await store.listSubscriptions(tenantId, {}, first)).toEqual([])
    expect(await store.listInvoices(tenantId, {}, first)).toEqual([])
    expect(await store.listInvoices(tenantId, { subscriptionId: invoice.subscriptionId }, first)).toEqual([])
    expect(await store.listGrants(tenantId, 'alice', first)).toEqual([])
    expect(await store.listCreditEntries(tenantId, 'alice', first)).toEqual([])
    expect(await store.listCreditNotes(tenantId, invoice.id)).toEqual([])
    const november = { startMs: NOVEMBER_MS, endMs: DECEMBER_MS }
    expect(await store.invoicesWithin(tenantId, ['alice'], november)).toEqual([])
    // Even with the same ids: they are its own rows, with its own numbers.
    const theirs = {
      ...change,
      invoices: [{ ...invoice, status: 'void' as const }],
      entries: [{ ...entries[0]!, amount: '5.00' }],
    }
    expect((await save('alice', theirs)).get(invoice.id)).toBe(1)
    expect((await load('alice')).grants).toMatchObject([{ remaining: '5.00' }])

    tenantId = mine
    expect(await load('alice', [invoice.id])).toEqual(before)
  })
})
