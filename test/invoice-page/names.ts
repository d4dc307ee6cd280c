// Names that have broken other software, and an invoice in which everything that somebody may name is named so.

import fc from 'fast-check'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { adjustment, fee, invoiceOf, perUnit, proration, usage } from './invoices.ts'

export const NASTY_NAMES = [
  '<script>alert(1)</script>',
  '</title></style><img src=x onerror=alert(1)>',
  `" onmouseover="alert(1)`,
  `' onfocus='alert(1)`,
  '&lt;b&gt; &amp; &#60;',
  '<!-- -->]]>',
  '{{7*7}} `code` $& $1 $`',
  '\u202eevil\u2066',
  'شركة المثال',
  'שלום, עולם',
  '👩‍👩‍👧‍👦 株式会社',
  'İ ß ﬁ e\u0301',
  '=HYPERLINK("http://evil.example","x")',
  '+1',
  '-1',
  '@SUM(A1)',
  ' \u00a0=1+1',
  '\u200b=1',
  '＝1+1',
  '＠x',
  'a;=1+1',
  'say "hi", twice',
  "'quoted'",
  '__proto__',
  'x'.repeat(200),
]

export const anyName = fc.oneof(
  fc.constantFrom(...NASTY_NAMES),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom(...'<>&"\'/=+-@;,\t\r\n ＝＋－＠\u200b\u202eab1'),
    minLength: 1,
    maxLength: 12,
  }),
)

export function invoiceNamed(name: string, more: Partial<Invoice> = {}): Invoice {
  const plain = invoiceOf([
    usage({ meter: name, name: null, match: Object.fromEntries([[name, name]]) }),
    usage({ name, match: Object.fromEntries([[name, null]]), price: null }),
    usage({ name, price: perUnit('1') }),
    fee({ fee: name, name: null, plan: name }),
    fee({ name, plan: name, due: 'advance' }),
    proration({ name, plan: name }),
    adjustment({ name, match: Object.fromEntries([[name, name]]) }),
  ])
  const { discounts, taxes, credits, ...totals } = plain.totals!
  return {
    ...plain,
    customerId: name,
    recipient: { name, email: name },
    totals: {
      ...totals,
      discounts: discounts.flatMap((one) => [
        { ...one, name },
        { ...one, name: null, coupon: name },
      ]),
      taxes: taxes.map((one) => ({ ...one, name })),
      credits: credits.map((one) => ({ ...one, name })),
    },
    ...more,
  }
}
