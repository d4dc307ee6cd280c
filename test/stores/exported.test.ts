import { describe, expect, it } from 'vitest'
import { creditRows } from '../../src/billing/export/credit-rows.ts'
import { invoiceRows } from '../../src/billing/export/invoice-rows.ts'
import { LINES_PER_INVOICE } from '../../src/billing/invoices/invoice.ts'
import { everyKind } from '../invoice-page/invoices.ts'
import { all } from '../log/chunks.ts'
import { accountStoreOn } from '../support/account-store.ts'
import { DECEMBER_MS, draftOf, entryOf, grantOf, issuedOf, NOVEMBER_MS } from '../support/accounts.ts'
import { postgresBackends } from '../support/postgres.ts'

describe.each(postgresBackends)('what is exported of accounts, on $name', ({ open }) => {
  const on = accountStoreOn(open)
  const services = () => ({ accounts: on.store })

  it('are issued invoices by their numbers, each once, however many', async () => {
    const invoices = Array.from({ length: 450 }, (_, i) =>
      issuedOf('alice', { issuedMs: DECEMBER_MS + i, lines: everyKind.slice(0, i % 3) }),
    )
    const numbers = await on.save('alice', { invoices: [draftOf('alice'), ...invoices] })
    const expected = invoices.toSorted((a, b) => numbers.get(a.id)! - numbers.get(b.id)!)

    const rows = await all(invoiceRows(services(), on.tenantId, {}))
    expect(rows.map(({ invoice_id, line }) => `${invoice_id} ${line}`)).toEqual(
      expected.flatMap(({ id, lines }) =>
        lines.length === 0 ? [`${id} null`] : lines.map((_, at) => `${id} ${at + 1}`),
      ),
    )

    // From an instant on, before another, of a customer.
    const [from, to] = [DECEMBER_MS + 100, DECEMBER_MS + 103]
    const few = await all(
      invoiceRows(services(), on.tenantId, { fromMs: from, toMs: to, customerId: 'alice' }),
    )
    const ids = expected.filter(({ issuedMs }) => issuedMs! >= from && issuedMs! < to).map(({ id }) => id)
    expect([...new Set(few.map(({ invoice_id }) => invoice_id))]).toEqual(ids)
    expect(await all(invoiceRows(services(), on.tenantId, { customerId: 'bob' }))).toEqual([])
  })

  it('has as many invoices in a page as have the lines of the longest there can be', async () => {
    const lines = (count: number) => Array.from({ length: count }, () => everyKind[0]!)
    const sizes = [LINES_PER_INVOICE, 1, LINES_PER_INVOICE - 1, 1, 0]
    for (const size of sizes)
      await on.save('alice', { invoices: [issuedOf('alice', { lines: lines(size) })] })
    const pages: number[] = []
    for await (const page of invoiceRows(services(), on.tenantId, {})) pages.push(page.length)
    expect(pages).toEqual([LINES_PER_INVOICE, LINES_PER_INVOICE, 2])
  })

  it('are credit entries by customer, each once with its currency, however many', async () => {
    const expected: string[] = []
    for (const customerId of ['ünï', 'alice', 'bob']) {
      const grant = grantOf(customerId)
      const entries = Array.from({ length: 700 }, (_, i) =>
        entryOf(grant, '0.01', { createdMs: NOVEMBER_MS + (i % 7) }),
      )
      await on.save(customerId, { grants: [grant], entries })
      const byTime = entries.toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1))
      expected[customerId === 'ünï' ? 'push' : 'unshift'](...byTime.map(({ id }) => `${customerId} ${id}`))
    }
    const inOrder = expected.toSorted((a, b) => (a[0] === b[0] ? 0 : a < b ? -1 : 1))
    const rows = await all(creditRows(services(), on.tenantId, {}))
    expect(rows.map(({ customer_id, id }) => `${customer_id} ${id}`)).toEqual(inOrder)
    expect(new Set(rows.map(({ currency }) => currency))).toEqual(new Set(['USD']))

    const few = await all(
      creditRows(services(), on.tenantId, {
        customerId: 'bob',
        fromMs: NOVEMBER_MS + 1,
        toMs: NOVEMBER_MS + 3,
      }),
    )
    expect(few.length).toBe(200)
    expect(new Set(few.map(({ customer_id }) => customer_id))).toEqual(new Set(['bob']))
  })
})
