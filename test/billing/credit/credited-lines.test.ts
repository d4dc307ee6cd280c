import { describe, expect, it } from 'vitest'
import { type Billed, feeOf, NotedInvoice, prorationOf, usageOf } from './noted-invoice.ts'

const VAT = { name: 'VAT', percent: '19' }

/** 119.00: 60.00 of 100 calls, 30.00 of 30 days, 10.00 of 10 calls, and VAT. */
const invoice = (more: Partial<Billed> = {}) =>
  new NotedInvoice({
    lines: [usageOf('60.00', '100'), feeOf('30.00'), usageOf('10.00', '10')],
    taxRates: [VAT],
    ...more,
  })

const refusal = (...issues: [pointer: string, detail: string][]) => ({
  code: 'validation_failed',
  issues: issues.map(([pointer, detail]) => ({ pointer, detail: expect.stringContaining(detail) })),
})

describe('a credit note by line', () => {
  it('takes back amounts before tax, and their taxes with them', async () => {
    const noted = invoice({ taxRates: [VAT, { name: 'City tax', percent: '2.5' }] })
    expect(await noted.note({ lines: [{ line: 1, amount: '12.5' }, { line: 2 }] })).toMatchObject({
      lines: [
        { line: 1, name: 'Calls', quantity: null, amount: '12.50' },
        { line: 2, name: 'Base fee', quantity: null, amount: '30.00' },
      ],
      subtotal: '42.50',
      taxes: [
        { name: 'VAT', percent: '19', taxableAmount: '42.50', amount: '8.08' },
        { name: 'City tax', percent: '2.5', taxableAmount: '42.50', amount: '1.06' },
      ],
      amount: '51.64',
    })
  })

  it('takes back a part of what a line counts: usage, or days of a fee', async () => {
    const noted = invoice()
    const { lines, amount } = await noted.note({
      lines: [
        { line: 1, quantity: '0.5' },
        { line: 2, quantity: '7' },
      ],
    })
    expect(lines.map((one) => [one.quantity, one.amount])).toEqual([
      ['0.5', '0.30'],
      ['7', '7.00'],
    ])
    expect(amount).toBe('8.69')
  })

  it.each([
    ['0.10', ['0.03', '0.04', '0.03'], '3'],
    ['0.02', ['0.01', '0.01'], '2'],
    ['100.00', ['33.33', '33.34', '33.33'], '3'],
  ])('%s in equal parts of its quantity: %j', async (amount, parts, quantity) => {
    const noted = new NotedInvoice({ lines: [usageOf(amount, quantity)] })
    for (const part of parts)
      expect((await noted.note({ lines: [{ line: 1, quantity: '1' }] })).amount).toBe(part)
  })

  it('has of a line what coupons left of it', async () => {
    const noted = invoice({ coupons: [{ percentOff: '50' }, { amountOff: '5' }] })
    expect(noted.invoice.totals!.total).toBe('53.55')
    const [calls, fee, more] = await Promise.all(
      [1, 2, 3].map(async (line) => {
        const { subtotal } = await invoice({ coupons: [{ percentOff: '50' }, { amountOff: '5' }] }).note({
          lines: [{ line }],
        })
        return subtotal
      }),
    )
    expect([calls, fee, more]).toEqual(['27.00', '13.50', '4.50'])
    await expect(noted.note({ lines: [{ line: 1, amount: '27.01' }] })).rejects.toMatchObject(
      refusal(['#/lines/0/amount', 'must be at most 27.00, which is what is left of line 1 before tax']),
    )
  })

  it('shares out what is left of the invoice where its lines together bill more, as others give back', async () => {
    const noted = new NotedInvoice({
      lines: [usageOf('60.00'), prorationOf('-50.00'), usageOf('30.00')],
      taxRates: [VAT],
    })
    await expect(
      noted.note({
        lines: [
          { line: 1, amount: '30' },
          { line: 3, amount: '10.01' },
        ],
      }),
    ).rejects.toMatchObject(
      refusal(['#/lines', 'must come to at most 40.00 before tax, which is what is left of the invoice']),
    )
    const { lines, amount } = await noted.note({ lines: [{ line: 1 }, { line: 3 }] })
    expect(lines.map((one) => one.amount)).toEqual(['26.67', '13.33'])
    expect(amount).toBe(noted.invoice.totals!.total)
  })

  it.each([
    ['-700.00', '-670.00', 'more'],
    ['-30.00', '0.00', 'as much'],
  ])('of an invoice that gives back %s of 30.00 hears that it comes to %s', async (back, net, more) => {
    const noted = new NotedInvoice({ lines: [usageOf('30.00'), prorationOf(back)], taxRates: [VAT] })
    await expect(noted.note({ lines: [{ line: 1 }] })).rejects.toMatchObject(
      refusal([
        '#/lines/0/line',
        `must be of an invoice that bills something in all: this one comes to ${net} before tax, as other lines give back ${more}`,
      ]),
    )
  })

  it('that asks for more than is left, for what is no line or gives back, or for a line twice, hears all of it', async () => {
    const noted = new NotedInvoice({
      lines: [usageOf('60.00', '100'), prorationOf('-5.00'), usageOf('0.00'), usageOf('30.00', '3')],
    })
    await noted.note({ lines: [{ line: 1, amount: '40' }, { line: 4 }] })
    await expect(
      noted.note({
        lines: [
          { line: 1, amount: '20.01' },
          { line: 2, amount: '1' },
          { line: 3 },
          { line: 4, amount: '1' },
          { line: 5 },
          { line: 1 },
        ],
      }),
    ).rejects.toMatchObject(
      refusal(
        ['#/lines/0/amount', 'must be at most 20.00, which is what is left of line 1'],
        ['#/lines/1/line', 'line 2 comes to -5.00, it gives back already'],
        ['#/lines/2/line', 'line 3 comes to 0.00'],
        ['#/lines/3/line', 'all 30.00 of line 4 are taken back already'],
        ['#/lines/4/line', 'must be the number of a line of the invoice: 1 to 4'],
        ['#/lines/5/line', 'must be there once: #/lines/0 is line 1 already'],
      ),
    )
  })

  it('refuses a quantity that is not there, or comes to nothing, and amounts that are too fine', async () => {
    const noted = new NotedInvoice({
      lines: [usageOf('60.00', '100'), usageOf('1.00', '0'), usageOf('0.01', '1000')],
      coupons: [],
    })
    await noted.note({ lines: [{ line: 1, quantity: '99.5' }] })
    await expect(
      noted.note({
        lines: [
          { line: 1, quantity: '0.51' },
          { line: 2, quantity: '1' },
          { line: 3, quantity: '1' },
        ],
      }),
    ).rejects.toMatchObject(
      refusal(
        ['#/lines/0/quantity', 'must be at most 0.5, which is what is left of line 1'],
        ['#/lines/1/quantity', 'no quantity is left of line 2. Send an amount'],
        ['#/lines/2/quantity', 'must come to something: 1 of 1000 come to 0.00'],
      ),
    )
    await expect(noted.note({ lines: [{ line: 1, amount: '0.001' }] })).rejects.toMatchObject(
      refusal(['#/lines/0/amount', 'must have at most 2 decimals in EUR']),
    )
  })

  it('takes exactly what is left, by amount, by quantity, and in all, and nothing more', async () => {
    const noted = new NotedInvoice({ lines: [usageOf('60.00'), feeOf('30.00'), prorationOf('-10.00')] })
    await noted.note({ lines: [{ line: 1, amount: '10' }] })
    const lines = [
      { line: 1, amount: '50' },
      { line: 2, amount: '20' },
    ]
    await expect(
      noted.note({
        lines: [
          { line: 1, amount: '50' },
          { line: 2, amount: '20.01' },
        ],
      }),
    ).rejects.toMatchObject(refusal(['#/lines', 'must come to at most 70.00']))
    expect((await noted.note({ lines })).amount).toBe('70.00')
    const whole = new NotedInvoice({ lines: [usageOf('60.00', '100')] })
    expect((await whole.note({ lines: [{ line: 1, quantity: '100' }] })).amount).toBe('60.00')
  })

  it('has a bound on the lines of all notes of an invoice together; by amount the rest can be taken back', async () => {
    const noted = new NotedInvoice({ lines: Array.from({ length: 5_000 }, () => usageOf('1.00')) })
    const lines = noted.invoice.lines.map((_, i) => ({ line: i + 1, amount: '0.10' }))
    for (let n = 0; n < 4; n++) await noted.note({ lines })
    for (const more of [lines, lines.slice(0, 1)])
      await expect(noted.note({ lines: more })).rejects.toMatchObject({
        code: 'state_conflict',
        detail: `The credit notes of an invoice have 20000 lines together at most: with 20000 that there are and ${more.length} of this one it would be more. Take back the rest by \`amount\`.`,
      })
    expect((await noted.note({ amount: '3000' })).amount).toBe('3000.00')
  })

  it('of a line that coupons took off all of has nothing', async () => {
    const noted = invoice({ coupons: [{ percentOff: '100' }] })
    await expect(noted.note({ lines: [{ line: 1 }] })).rejects.toMatchObject(
      refusal(['#/lines/0/line', 'coupons took off all of line 1']),
    )
  })
})

describe('a credit note by amount', () => {
  it('is split over net and taxes as they are in the invoice', async () => {
    expect(await invoice().note({ amount: '11.90' })).toMatchObject({
      lines: [{ line: null, name: null, quantity: null, amount: '10.00' }],
      subtotal: '10.00',
      taxes: [{ name: 'VAT', percent: '19', taxableAmount: '10.00', amount: '1.90' }],
      amount: '11.90',
    })
  })

  it('and one by line leave each other what is left of the invoice, whichever line it was', async () => {
    const noted = invoice()
    await noted.note({ amount: '77.35' })
    await expect(noted.note({ lines: [{ line: 1, amount: '35.01' }] })).rejects.toMatchObject(
      refusal(['#/lines', 'must come to at most 35.00 before tax']),
    )
    expect((await noted.note({ lines: [{ line: 1 }] })).amount).toBe('41.65')
    await expect(noted.note({ amount: '0.01' })).rejects.toMatchObject(refusal(['#/amount', 'at most 0.00']))
    await expect(noted.note({ lines: [{ line: 2 }] })).rejects.toMatchObject(
      refusal(['#/lines/0/line', 'must be of an invoice of which something is left']),
    )
  })
})

describe('credit notes that were stored as nothing but an amount', () => {
  it('have the split that they would have got, and what is made after them goes by it', async () => {
    const [now, then] = [invoice(), invoice()]
    for (const amount of ['0.03', '11.90', '33.33']) {
      await now.note({ amount })
      await then.note({ amount })
    }
    for (const note of then.notes) {
      delete note.lines
      delete note.subtotal
      delete note.taxes
    }
    const rest = { lines: [{ line: 1, amount: '9.99' }, { line: 2 }] }
    const made = await now.note(rest)
    expect({ ...(await then.note(rest)), id: '', invoiceId: '' }).toEqual({ ...made, id: '', invoiceId: '' })
  })
})

it('an invoice has 500 credit notes at most', async () => {
  const noted = invoice()
  const note = await noted.note({ amount: '0.01' })
  for (let i = 2; i < 500; i++) noted.notes.push({ ...note, id: String(i) })
  await noted.note({ amount: '0.01' })
  await expect(noted.note({ amount: '0.01' })).rejects.toMatchObject({ code: 'state_conflict' })
})
