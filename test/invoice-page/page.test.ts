import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { invoicePage } from '../../src/http/invoice-page/page.ts'
import { adjustment, BERLIN, everyKind, fee, invoiceOf, november, proration, usage } from './invoices.ts'
import { anyName, invoiceNamed, NASTY_NAMES } from './names.ts'
import { decoded, rowsOf, tagsOf, textOf, withoutStyle } from './read-page.ts'

const acme = { name: 'Acme', timezone: BERLIN }
const NOW = Date.parse('2026-11-24T05:35Z')
const pageOf = (invoice: Invoice, issuer = acme) => invoicePage(invoice, issuer, NOW)

describe('the page of an invoice', () => {
  it('has its lines in sections, with what each kind needs to be understood, and its totals', () => {
    expect(rowsOf(pageOf(invoiceOf(everyKind)))).toEqual([
      ['No.', 'Description', 'Quantity', 'Price', 'Amount (EUR)'],
      ['Usage'],
      ['1', 'API calls', '1,200', '0.01', '12.00'],
      [
        '2',
        'Tokens model: large tier: none\n100,000 of 100,000 free\nUp to 1,000,000: 1,000,000 × 0.000002 = 2.00\nOver 1,000,000: 1,400,000 × 0.00000015 + 5.00 = 5.21\n10 % off: −0.721',
        '2,500,000',
        '',
        '6.49',
      ],
      ['3', 'Tokens all else', '1,234.5', 'not priced', '0.00'],
      ['Fees'],
      ['5', 'Support\n1 Nov 2026 – 30 Nov 2026 · plan pro', '30 of 30 days', '20.00', '20.00'],
      ['9', 'Base fee\n1 Dec 2026 – 31 Dec 2026 · plan scale', '31 of 31 days', '99.00', '99.00'],
      ['Changes to fees billed before'],
      [
        '6',
        'Base fee\n15 Nov 2026 – 30 Nov 2026 · plan pro · billed in advance, taken back',
        '16 of 30 days',
        '49.00',
        '−26.13',
      ],
      [
        '7',
        'Base fee\n15 Nov 2026 – 30 Nov 2026 · plan scale · not billed in advance, added',
        '16 of 30 days',
        '99.00',
        '52.80',
      ],
      ['Late usage of earlier periods'],
      [
        '8',
        'API calls\nChanges line 3 of INV-000041, 1 Oct 2026 – 31 Oct 2026\n1,520 × 0.01 = 15.20\n1,520 in all: 15.20; billed so far: 15.40',
        '−20',
        '',
        '−0.20',
      ],
      ['Subtotal', 'EUR 163.96'],
      ['Discount: Welcome (15 %)', 'EUR −24.59'],
      ['VAT 19 %', 'EUR 26.48'],
      ['Total', 'EUR 165.85'],
      ['Credit: Prepaid', 'EUR −50.00'],
      ['Amount due', 'EUR 115.85'],
    ])
  })

  it('names both sides, the number, the days of the tenant’s zone, and the status', () => {
    const text = textOf(pageOf(invoiceOf(everyKind)))
    for (const part of [
      'Invoice INV-000042 · Acme',
      'Bill to\nGlobex GmbH\nbilling@globex.example',
      'Issued\n1 Dec 2026',
      'Period\n1 Nov 2026 – 30 Nov 2026 Europe/Berlin',
      'Customer\ncust_42',
      'Status\nIssued',
    ])
      expect(text).toContain(part)
    const inTokyo = textOf(pageOf(invoiceOf(everyKind), { ...acme, timezone: 'Asia/Tokyo' }))
    expect(inTokyo).toContain('Period\n1 Nov 2026 – 1 Dec 2026 Asia/Tokyo')
  })

  it.each<[string, Partial<Invoice>, string[], string[]]>([
    [
      'a draft',
      { status: 'draft', number: null, issuedMs: null },
      ['Draft invoice', 'Not an invoice yet: usage until 24 Nov 2026, 06:35', 'Amount due so far'],
      ['INV-000042', 'Issued\n'],
    ],
    [
      'a void one',
      { status: 'void', movedMs: NOW },
      ['Invoice INV-000042 Void', 'Nothing is to be paid', 'Void on 24 Nov 2026'],
      ['Draft'],
    ],
    [
      'a paid one',
      { status: 'paid', movedMs: NOW },
      ['Paid on 24 Nov 2026'],
      ['Amount due', 'Void', 'Draft'],
    ],
    [
      'one that is written off',
      { status: 'uncollectible', movedMs: NOW },
      ['Written off on 24 Nov 2026', 'Amount due'],
      ['Void', 'Draft'],
    ],
    ['a trial’s', { kind: 'opening' }, ['Trial\n1 Nov 2026'], ['Period']],
    ['an opening without a trial', { kind: 'opening', endMs: november.startMs }, [], ['Trial', 'Period']],
    ['a trailing one', { kind: 'trailing' }, ['Late usage received\n1 Nov 2026'], ['Period']],
    ['one to nobody by name', { recipient: null }, ['Bill to\ncust_42'], ['null']],
  ])('%s says so', (_, more, there, absent) => {
    const text = textOf(pageOf(invoiceOf(everyKind, more)))
    for (const part of there) expect(text).toContain(part)
    for (const part of absent) expect(text).not.toContain(part)
  })

  it('says which discount is not given back with the days that are taken back', () => {
    const lines = [proration({ amount: '-10.50', discount: '10.50' })]
    expect(textOf(pageOf(invoiceOf(lines)))).toContain('taken back, less the discount of 10.50')
  })

  it('leaves out what nothing prices and nobody used, and only that', () => {
    const lines = [
      usage({ name: 'a', quantity: '0', price: null }),
      usage({ name: 'b', quantity: '0' }),
      usage({ name: 'c', quantity: '-3', price: null }),
    ]
    const text = textOf(pageOf(invoiceOf(lines)))
    expect(rowsOf(pageOf(invoiceOf(lines))).slice(2, 4)).toEqual([
      ['2', 'b', '0', '0.01', '0.00'],
      ['3', 'c', '−3', 'not priced', '0.00'],
    ])
    expect(text).not.toContain('Nothing to bill')
    expect(textOf(pageOf(invoiceOf([])))).toContain('Nothing to bill.')
  })

  it('has the times at which a change cut a day, and counts a fee’s days as they were billed', () => {
    const cutMs = Date.parse('2026-11-15T14:00+01:00')
    const cut = invoiceOf([
      usage({ toMs: cutMs }),
      usage({ fromMs: cutMs }),
      fee({ toMs: cutMs, toDay: 14, amount: '22.87' }),
      adjustment({ toMs: Date.parse('2026-10-20T09:00+02:00') }),
    ])
    const texts = rowsOf(pageOf(cut)).map((cells) => cells[1] ?? '')
    expect(texts).toContainEqual('API calls\n1 Nov 2026 – 15 Nov 2026, 14:00')
    expect(texts).toContainEqual('API calls\n15 Nov 2026, 14:00 – 30 Nov 2026')
    expect(texts).toContainEqual('Base fee\n1 Nov 2026 – 14 Nov 2026 · plan pro')
    expect(texts.join()).toContain('line 3 of INV-000041, 1 Oct 2026 – 20 Oct 2026, 09:00')
  })

  it('names the corrections that an adjustment is for, a few of them', () => {
    const noted = (...corrections: string[]) =>
      rowsOf(pageOf(invoiceOf([adjustment(corrections.length > 0 ? { corrections } : {})])))
        .flat()
        .join('\n')
    expect(noted()).not.toContain('correction')
    expect(noted('c1')).toContain('\nBy correction c1\n')
    expect(noted('c1', 'c2', 'c3', 'c4', 'c5')).toContain('\nBy correction c1, c2, c3, and 2 more\n')
  })

  it('says what became credit where the total is negative', () => {
    const rows = rowsOf(pageOf(invoiceOf([adjustment({ amount: '-10.00' })])))
    expect(rows.slice(-4)).toEqual([
      ['VAT 19 %', 'EUR −1.90'],
      ['Total', 'EUR −11.90'],
      ['Added to your credit', 'EUR 11.90'],
      ['Amount due', 'EUR 0.00'],
    ])
  })

  it('loads nothing and runs nothing', () => {
    const page = pageOf(invoiceOf(everyKind))
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|\b(src|href|style)=|url\(|@import/i)
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
  })
})

describe('a name on the page', () => {
  const asMarkup = (name: string) => pageOf(invoiceNamed(name), { ...acme, name })
  const times = (text: string, part: string) => text.split(part).length - 1
  const harmless = tagsOf(asMarkup('name'))

  it.each(NASTY_NAMES)('is text and nothing else: %s', (name) => {
    const page = asMarkup(name)
    expect(tagsOf(page)).toEqual(harmless)
    const shown = times(decoded(withoutStyle(page)), name)
    expect(shown).toBe(times(asMarkup('unlikely'), 'unlikely'))
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
