import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { invoiceCsv, invoiceCsvName } from '../../src/http/invoice-csv.ts'
import { type Cell, csv, defused } from '../../src/kernel/csv.ts'
import { adjustment, everyKind, invoiceOf } from './invoices.ts'
import { anyName, invoiceNamed, NASTY_NAMES } from './names.ts'
import { parseCsv } from './parse-csv.ts'

/** Whether some spreadsheet could run it: told by another rule than the one that writes. */
const isFormula = (cell: string): boolean => {
  const ascii = [...cell.normalize('NFKC')].filter((char) => !/[\s\p{Z}\p{C}]/u.test(char))
  return '=+-@'.includes(ascii[0] ?? ' ')
}
const isDangerous = (text: string): boolean =>
  /^[\t\r\n]/.test(text) || text.split(/[;\t\r\n]/).some(isFormula)

const objects = (text: string): Record<string, string>[] => {
  const [names, ...rows] = parseCsv(text)
  for (const row of rows) expect(row.length).toBe(names!.length)
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [names![i]!, cell])))
}

describe('the lines of an invoice as CSV', () => {
  it('are all there, with the facts that their kind has', () => {
    const lines = objects(invoiceCsv(invoiceOf(everyKind)))
    expect(lines.map(({ line, kind, amount }) => [line, kind, amount])).toEqual(
      everyKind.map(({ kind, amount }, i) => [String(i + 1), kind, amount]),
    )
    expect(lines[1]).toEqual({
      invoice: 'INV-000042',
      line: '2',
      kind: 'usage',
      meter: 'tokens',
      fee: '',
      name: 'Tokens',
      match: '{"model":"large","tier":null}',
      plan: '',
      from: '2026-10-31T23:00:00.000Z',
      to: '2026-11-30T23:00:00.000Z',
      quantity: '2500000',
      events: '31',
      days: '',
      of_days: '',
      amount: '6.49',
      currency: 'EUR',
      unpriced: 'false',
      adjusts_invoice: '',
      adjusts_line: '',
      corrections: '',
    })
    expect(lines[2]).toMatchObject({ unpriced: 'true', amount: '0.00' })
    expect(lines[5]).toMatchObject({ fee: 'base', plan: 'pro', days: '16', of_days: '30', amount: '-26.13' })
    expect(lines[7]).toMatchObject({
      quantity: '-20',
      amount: '-0.20',
      adjusts_invoice: 'INV-000041',
      adjusts_line: '3',
      corrections: '',
    })
    const corrections = ['c1', 'c2']
    const [corrected] = objects(invoiceCsv(invoiceOf([adjustment({ corrections })])))
    expect(corrected).toMatchObject({ kind: 'adjustment', corrections: 'c1 c2' })
  })

  it('end with CR LF, each of them, and the first one names the columns', () => {
    const text = invoiceCsv(invoiceOf(everyKind))
    expect(text.split('\r\n')).toHaveLength(everyKind.length + 2)
    expect(text).toMatch(/^invoice,line,kind,/)
    expect(text).toMatch(/\r\n$/)
  })

  it('of a draft have no number, and a file name of their own', () => {
    const draft = invoiceOf(everyKind, { status: 'draft', number: null })
    expect(objects(invoiceCsv(draft))[0]!.invoice).toBe('')
    expect(invoiceCsvName(draft)).toBe(`draft-${draft.id}.csv`)
    expect(invoiceCsvName(invoiceOf([]))).toBe('INV-000042.csv')
  })

  it('hold no formula, whatever things are named', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        for (const { amount, quantity, ...texts } of objects(invoiceCsv(invoiceNamed(name)))) {
          expect(Object.values(texts).filter(isDangerous)).toEqual([])
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('a cell', () => {
  it.each<[string, string]>([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t'=1"],
    ['\rx', "'\rx"],
    ['  =1', "'  =1"],
    ['\u00a0\u200b\ufeff=1', "'\u00a0\u200b\ufeff=1"],
    ['\u202e=1', "'\u202e=1"],
    ['＝1', "'＝1"],
    ['＋1', "'＋1"],
    ['－1', "'－1"],
    ['＠x', "'＠x"],
    ['﹦1', "'﹦1"],
    ['⩵1', "'⩵1"],
    ['⁼1', "'⁼1"],
    ['a;=1', "a;'=1"],
    ['a; -b', "a;' -b"],
  ])('%j is no formula any more', (text, safe) => {
    expect(defused(text)).toBe(safe)
    expect(isDangerous(text)).toBe(true)
  })

  it.each(['', 'a', 'a=b', '1-2', 'a@b.example', "'=1", '{"a":"=1"}', 'Base fee', 'x + y'])(
    '%j stays as it is',
    (text) => {
      expect(defused(text)).toBe(text)
    },
  )

  it('of our own numbers stays a number, a negative one too', () => {
    expect(csv([[{ number: '-12.50' }, null, { text: '-12.50' }]])).toBe("-12.50,,'-12.50\r\n")
  })

  it('comes back as it was, by another reader: the same text, or one that was defused', () => {
    const cell: fc.Arbitrary<Cell> = fc.oneof(
      anyName.map((text) => ({ text })),
      fc.integer().map((number) => ({ number: String(number) })),
      fc.constant(null),
    )
    const row = fc.array(cell, { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        const read = parseCsv(csv(rows))
        expect(read.map((cells) => cells.length)).toEqual(rows.map((cells) => cells.length))
        for (const [y, cells] of rows.entries())
          for (const [x, one] of cells.entries()) sameCell(one, read[y]![x]!)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each(NASTY_NAMES)('with the name %s comes back', (text) => {
    sameCell({ text }, parseCsv(csv([[{ text }, null]]))[0]![0]!)
  })
})

function sameCell(cell: Cell, read: string): void {
  if (cell === null) expect(read).toBe('')
  else if ('number' in cell) expect(read).toBe(cell.number)
  else if (isDangerous(cell.text)) {
    expect(isDangerous(read)).toBe(false)
    expect(read.replaceAll("'", '')).toBe(cell.text.replaceAll("'", ''))
  } else expect(read).toBe(cell.text)
}
