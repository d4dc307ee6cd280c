import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { accountStoreOn } from '../support/account-store.ts'
import {
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
const DAY_MS = 86_400_000

describe.each(postgresBackends)('what is listed of accounts, on $name', ({ open }) => {
  const on = accountStoreOn(open)

  describe('a credit grant', () => {
    it('has left what its entries add up to, to the digit', async () => {
      const [used, spent, overdrawn] = [grantOf('alice'), grantOf('alice'), grantOf('alice')]
      await on.save('alice', {
        grants: [used, spent, overdrawn],
        entries: [entryOf(used, '10.00'), entryOf(spent, '10.00'), entryOf(overdrawn, '10.00')],
      })
      await on.save('alice', {
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
        expect(await on.store.findGrant(on.tenantId, grant.id)).toEqual({
          ...grant,
          remaining: left.get(grant.id),
        })
      const listed = await on.store.listGrants(on.tenantId, 'alice', first)
      expect(new Map(listed.map(({ id, remaining }) => [id, remaining]))).toEqual(left)
      // An account has those of which something is left, or is owed.
      const { grants } = await on.load('alice')
      expect(grants.map(({ id }) => id).sort()).toEqual([used.id, overdrawn.id].sort())
      expect(await on.store.findGrant(on.tenantId, newId())).toBeNull()
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
      await on.save(customerId, change)
      return change
    }

    it('is newest first, and goes on after the last one that was seen', async () => {
      const { subscriptions, invoices, grants, entries } = await fill()
      type Lister = (page: { after: string | null; limit: number }) => Promise<{ id: string }[]>
      const lists: [{ id: string; createdMs: number }[], Lister][] = [
        [subscriptions, (page) => on.store.listSubscriptions(on.tenantId, { customerId }, page)],
        [subscriptions, (page) => on.store.listSubscriptions(on.tenantId, {}, page)],
        [invoices, (page) => on.store.listInvoices(on.tenantId, {}, page)],
        [grants, (page) => on.store.listGrants(on.tenantId, customerId, page)],
        [entries, (page) => on.store.listCreditEntries(on.tenantId, customerId, page)],
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

    it('of an invoice’s credit notes is in the order of their numbers, and goes on after the last one', async () => {
      const [invoice, other] = [issuedOf(customerId), issuedOf(customerId)]
      await on.save(customerId, { invoices: [invoice, other] })
      // Neither their ids nor their times are in that order, and another invoice's are between them.
      const notes = times.map((createdMs) => creditNoteOf(invoice, { createdMs }))
      for (const note of notes) await on.save(customerId, { creditNotes: [creditNoteOf(other), note] })
      const ids = async (after: string | null, limit: number) =>
        (await on.store.listCreditNotes(on.tenantId, invoice.id, { after, limit })).map(({ id }) => id)
      const expected = notes.map(({ id }) => id)
      for (let at = 0; at <= expected.length; at++)
        expect(await ids(expected[at - 1] ?? null, 2)).toEqual(expected.slice(at, at + 3))
      const { creditNotes } = await on.load(customerId, [invoice.id])
      expect(creditNotes.map(({ id, number }) => [id, number])).toEqual(
        notes.map(({ id }, i) => [id, 2 * i + 2]),
      )
      expect(await on.store.findCreditNote(on.tenantId, notes[1]!.id)).toEqual({ ...notes[1]!, number: 4 })
    })

    it('of credit entries has them as they were written', async () => {
      const { entries } = await fill()
      expect(await on.store.listCreditEntries(on.tenantId, customerId, first)).toEqual(newestFirst(entries))
    })

    it('of invoices is of a customer, of a subscription, or of a status, if that is asked for', async () => {
      const subscriptionId = newId()
      const [one, two] = [
        issuedOf('alice', { subscriptionId, sequence: 0 }),
        issuedOf('alice', { subscriptionId, sequence: 1, status: 'paid', createdMs: NOVEMBER_MS + 1 }),
      ]
      const draft = draftOf('alice', { subscriptionId, sequence: 2, createdMs: NOVEMBER_MS + 2 })
      const bobs = issuedOf('bob', { createdMs: NOVEMBER_MS + 3 })
      await on.save('alice', { invoices: [one, two, draft] })
      await on.save('bob', { invoices: [bobs] })
      const ids = async (filter: Parameters<typeof on.store.listInvoices>[1]) =>
        (await on.store.listInvoices(on.tenantId, filter, first)).map(({ id }) => id)
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
    await on.save('alice', {
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
    await on.save('bob', { invoices: [bobs] })
    await on.save('carol', { invoices: [issuedOf('carol')] })
    const november = { startMs: NOVEMBER_MS, endMs: DECEMBER_MS }
    const ids = async (customerIds: string[]) =>
      (await on.store.invoicesWithin(on.tenantId, customerIds, november)).map(({ id }) => id)
    expect(await ids(['alice'])).toEqual([whole.id, last.id, first.id, paid.id])
    expect(await ids(['alice', 'bob'])).toEqual([whole.id, last.id, first.id, paid.id, bobs.id])
    expect(await ids([])).toEqual([])
    expect((await on.store.invoicesWithin(on.tenantId, ['bob'], november))[0]).toEqual({
      ...bobs,
      number: 10,
    })
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
    await on.save('alice', change)
    const mine = on.tenantId
    const before = await on.load('alice', [invoice.id])

    on.tenantId = newId()
    expect(await on.load('alice', [invoice.id])).toMatchObject({
      version: 0,
      subscriptions: [],
      invoices: [],
      grants: [],
      creditNotes: [],
    })
    expect(await on.store.findSubscription(on.tenantId, subscription.id)).toBeNull()
    expect(await on.store.findInvoice(on.tenantId, invoice.id)).toBeNull()
    expect(await on.store.findGrant(on.tenantId, grant.id)).toBeNull()
    expect(await on.store.listSubscriptions(on.tenantId, {}, first)).toEqual([])
    expect(await on.store.listInvoices(on.tenantId, {}, first)).toEqual([])
    expect(
      await on.store.listInvoices(on.tenantId, { subscriptionId: invoice.subscriptionId }, first),
    ).toEqual([])
    expect(await on.store.listGrants(on.tenantId, 'alice', first)).toEqual([])
    expect(await on.store.listCreditEntries(on.tenantId, 'alice', first)).toEqual([])
    expect(await on.store.listCreditNotes(on.tenantId, invoice.id, first)).toEqual([])
    const november = { startMs: NOVEMBER_MS, endMs: DECEMBER_MS }
    expect(await on.store.invoicesWithin(on.tenantId, ['alice'], november)).toEqual([])
    // Even with the same ids: they are its own rows, with its own numbers.
    const theirs = {
      ...change,
      invoices: [{ ...invoice, status: 'void' as const }],
      entries: [{ ...entries[0]!, amount: '5.00' }],
    }
    expect((await on.save('alice', theirs)).get(invoice.id)).toBe(1)
    expect((await on.load('alice')).grants).toMatchObject([{ remaining: '5.00' }])

    on.tenantId = mine
    expect(await on.load('alice', [invoice.id])).toEqual(before)
  })
})
