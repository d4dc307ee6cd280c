import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { accountStoreOn } from '../support/account-store.ts'
import { changeOf, creditNoteOf, DECEMBER_MS, draftOf, issuedOf } from '../support/accounts.ts'
import { postgresBackends } from '../support/postgres.ts'

const first = { after: null, limit: 100 }
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe.each(postgresBackends)('numbers on $name', ({ open }) => {
  const on = accountStoreOn(open)

  it('are given to what is issued, in the order that it comes in, and stay; drafts have none', async () => {
    const draft = draftOf('alice')
    const [one, two, three] = [issuedOf('alice'), issuedOf('alice'), issuedOf('bob')]
    const saved = await on.store.saveAccounts(on.tenantId, [
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
    expect((await on.store.findInvoice(on.tenantId, draft.id))?.number).toBeNull()

    const issued: Invoice = { ...draft, status: 'issued', issuedMs: DECEMBER_MS }
    const paid: Invoice = { ...one, number: 1, status: 'paid', movedMs: DECEMBER_MS + 1 }
    expect(await on.save('alice', { invoices: [paid, issued] })).toEqual(
      new Map([
        [paid.id, 1],
        [issued.id, 4],
      ]),
    )
    expect(await on.store.findInvoice(on.tenantId, paid.id)).toEqual(paid)
    expect(await on.store.findInvoice(on.tenantId, draft.id)).toEqual({ ...issued, number: 4 })
    expect(await on.numbersThere()).toEqual([1, 2, 3, 4])
  })

  it('of credit notes are counted apart', async () => {
    const invoice = issuedOf('alice')
    await on.save('alice', { invoices: [invoice, issuedOf('alice')] })
    const [one, two, three] = [creditNoteOf(invoice), creditNoteOf(invoice), creditNoteOf(invoice)]
    expect(await on.save('alice', { creditNotes: [one, two] })).toEqual(
      new Map([
        [one.id, 1],
        [two.id, 2],
      ]),
    )
    expect(await on.save('alice', { creditNotes: [three] })).toEqual(new Map([[three.id, 3]]))
    expect(await on.store.listCreditNotes(on.tenantId, invoice.id, { after: null, limit: 10 })).toEqual(
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
        return on.store.saveAccounts(on.tenantId, n % 2 === 0 ? batch : batch.reverse())
      }),
    )
    expect(outcomes.flat()).toHaveLength(24)
    expect(await on.numbersThere()).toEqual(upTo(24 * 3))
    expect(await on.numbersThere('credit_notes')).toEqual(upTo(24))
    // What was answered is what is there.
    for (const { customerId, numbers } of outcomes.flat())
      for (const { id, number } of await on.store.listInvoices(on.tenantId, { customerId }, first))
        expect(number).toBe(numbers.get(id) ?? null)
  })

  it('have no gap where a statement fails, and nothing of that one is written', async () => {
    const taken = issuedOf('alice')
    await on.save('alice', { invoices: [taken] })
    // Another invoice for the same period of the same subscription.
    const bad = () => issuedOf('eve', { subscriptionId: taken.subscriptionId })
    const failing = () => [
      changeOf('dave', 0, { invoices: [issuedOf('dave')] }),
      changeOf('eve', 0, { invoices: [issuedOf('eve'), bad()], creditNotes: [creditNoteOf(taken)] }),
    ]
    await expect(on.store.saveAccounts(on.tenantId, failing())).rejects.toThrow()
    const outcomes = await Promise.allSettled(
      upTo(12).map((n) =>
        on.store.saveAccounts(
          on.tenantId,
          n % 3 === 0
            ? failing()
            : [changeOf(`c${n}`, 0, { invoices: [issuedOf(`c${n}`), issuedOf(`c${n}`)] })],
        ),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(4)
    expect(await on.store.loadAccounts(on.tenantId, ['dave', 'eve'])).toMatchObject([
      { version: 0, invoices: [] },
      { version: 0, invoices: [] },
    ])
    expect(await on.numbersThere()).toEqual(upTo(1 + 8 * 2))
    expect(await on.numbersThere('credit_notes')).toEqual([])
  })
})
