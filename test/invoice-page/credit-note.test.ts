import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CreditNote } from '../../src/billing/credit/credit.ts'
import type { NoteOfInvoice } from '../../src/billing/credit/credit-note.ts'
import { creditNoteCsv, creditNoteCsvName } from '../../src/http/credit-note-csv.ts'
import { creditNotePage } from '../../src/http/invoice-page/credit-note-page.ts'
import { creditNoteOf } from '../support/accounts.ts'
import { BERLIN, everyKind, invoiceOf } from './invoices.ts'
import { anyName, invoiceNamed, NASTY_NAMES } from './names.ts'
import { parseCsv } from './parse-csv.ts'
import { decoded, rowsOf, tagsOf, textOf, withoutStyle } from './read-page.ts'

const acme = { name: 'Acme', timezone: BERLIN }
const invoice = invoiceOf(everyKind)
const split: Pick<CreditNote, 'lines' | 'subtotal' | 'taxes' | 'amount'> = {
  lines: [
    { line: 2, name: 'Tokens', quantity: '1000', amount: '2.50' },
    { line: 5, name: 'Support', quantity: '3', amount: '1700.00' },
    { line: 8, name: 'API calls', quantity: null, amount: '0.10' },
  ],
  subtotal: '1702.60',
  taxes: [{ name: 'VAT', percent: '19', taxableAmount: '1702.60', amount: '323.49' }],
  amount: '2026.09',
}
const noteOf = (more: Partial<CreditNote> = {}, of = invoice): NoteOfInvoice => ({
  invoice: of,
  note: creditNoteOf(of, {
    ...split,
    number: 7,
    currency: 'EUR',
    createdMs: Date.parse('2026-12-02T23:30Z'),
    ...more,
  }),
})
const pageOf = (note: NoteOfInvoice, issuer = acme) => creditNotePage(note, issuer)

describe('the page of a credit note', () => {
  it('has what is taken back of each line of the invoice, and its taxes', () => {
    expect(rowsOf(pageOf(noteOf()))).toEqual([
      ['No.', 'Taken back', 'Quantity', 'Amount (EUR)'],
      ['2', 'Tokens model: large tier: none', '1,000', '2.50'],
      ['5', 'Support', '3 of 30 days', '1,700.00'],
      ['8', 'API calls', '', '0.10'],
      ['Subtotal', 'EUR 1,702.60'],
      ['VAT 19 %', 'EUR 323.49'],
      ['Total', 'EUR 2,026.09'],
      ['Added to your credit', 'EUR 2,026.09'],
    ])
  })

  it('names both sides, the invoice, and why', () => {
    const text = textOf(pageOf(noteOf()))
    for (const part of [
      'Credit note CN-000007 · Acme',
      'Bill to\nGlobex GmbH\nbilling@globex.example',
      'Issued\n3 Dec 2026',
      'For invoice\nINV-000042 of 1 Dec 2026',
      'Customer\ncust_42',
      'Reason\nA mistake',
    ])
      expect(text).toContain(part)
  })

  it.each([
    ['invoice', 'Taken off what is due'],
    ['credit', 'Added to your credit'],
    ['refund', 'Paid back to you'],
  ] as const)('settled as %s says so', (settlement, label) => {
    expect(rowsOf(pageOf(noteOf({ settlement }))).at(-1)).toEqual([label, 'EUR 2,026.09'])
  })

  it('by amount is of no line', () => {
    const lines = [{ line: null, name: null, quantity: null, amount: '10.00' }]
    expect(rowsOf(pageOf(noteOf({ lines })))[1]).toEqual(['', 'Part of the invoice as a whole', '', '10.00'])
  })

  it('loads nothing and runs nothing', () => {
    expect(pageOf(noteOf())).not.toMatch(
      /<script|<link|<img|<iframe|\son\w+=|\b(src|href|style)=|url\(|@import/i,
    )
  })
})

describe('a name on the page of a credit note', () => {
  const asMarkup = (name: string) => {
    const of = invoiceNamed(name)
    const lines = of.lines.map((_, i) => ({ line: i + 1, name, quantity: null, amount: '0.10' }))
    const taxes = [{ name, percent: '19', taxableAmount: '0.10', amount: '0.02' }]
    return pageOf(noteOf({ lines, taxes, reason: name }, of), { ...acme, name })
  }
  const times = (text: string, part: string) => text.split(part).length - 1
  const harmless = tagsOf(asMarkup('name'))

  it.each(NASTY_NAMES)('is text and nothing else: %s', (name) => {
    const page = asMarkup(name)
    expect(tagsOf(page)).toEqual(harmless)
    expect(times(decoded(withoutStyle(page)), name)).toBe(times(asMarkup('unlikely'), 'unlikely'))
  })

  it('changes no markup, whatever it is', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(tagsOf(asMarkup(name))).toEqual(harmless)
      }),
      { numRuns: 100 },
    )
  })
})

describe('the lines of a credit note as CSV', () => {
  const objects = (text: string): Record<string, string>[] => {
    const [names, ...rows] = parseCsv(text)
    return rows.map((row) => {
      expect(row).toHaveLength(names!.length)
      return Object.fromEntries(row.map((cell, i) => [names![i]!, cell]))
    })
  }

  it('have the facts of the invoice’s lines, and a row for each tax; their amounts add up to the total', () => {
    const rows = objects(creditNoteCsv(noteOf()))
    expect(
      rows.map(({ line, kind, quantity, days, amount }) => [line, kind, quantity, days, amount]),
    ).toEqual([
      ['2', 'usage', '1000', '', '2.50'],
      ['5', 'fee', '', '3', '1700.00'],
      ['8', 'adjustment', '', '', '0.10'],
      ['', 'tax', '', '', '323.49'],
    ])
    expect(rows[0]).toMatchObject({
      credit_note: 'CN-000007',
      invoice: 'INV-000042',
      meter: 'tokens',
      name: 'Tokens',
      match: '{"model":"large","tier":null}',
      from: '2026-10-31T23:00:00.000Z',
      to: '2026-11-30T23:00:00.000Z',
      percent: '',
      currency: 'EUR',
    })
    expect(rows[1]).toMatchObject({ fee: 'support', plan: 'pro' })
    expect(rows[3]).toMatchObject({ name: 'VAT', percent: '19', taxable_amount: '1702.60' })
    expect(creditNoteCsvName(noteOf())).toBe('CN-000007.csv')
  })

  it('of an amount are one row, of the invoice', () => {
    const lines = [{ line: null, name: null, quantity: null, amount: '10.00' }]
    expect(objects(creditNoteCsv(noteOf({ lines, taxes: [] })))).toMatchObject([
      { line: '', kind: 'invoice', name: '', from: '', amount: '10.00' },
    ])
  })

  it('hold no formula', () => {
    const lines = [{ line: 1, name: '=1+1', quantity: null, amount: '10.00' }]
    expect(objects(creditNoteCsv(noteOf({ lines })))[0]!.name).toBe("'=1+1")
  })
})
