import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { parseEvent } from '../../src/metering/event.ts'
import { quantityText } from '../../src/metering/quantity.ts'

describe('a quantity', () => {
  it.each([
    [1e-7, '0.0000001'],
    ['1e-7', '0.0000001'],
    ['1E-7', '0.0000001'],
    ['0.0000001', '0.0000001'],
    ['1E+3', '1000'],
    ['1.5e2', '150'],
    ['-2.50E-1', '-0.25'],
    ['0E-18', '0'],
    ['-0e5', '0'],
    ['1000000000000000e-1', '100000000000000'],
  ])('%j is %s, exactly', (sent, canonical) => {
    expect(quantityText(sent)).toEqual({ ok: canonical })
  })

  it.each(['1e15', '1E-13', '1e999999999', '-1e-999999999', '1e1000', 1e15, 1e-300, 1e300])(
    '%j is out of range, and never written out',
    (sent) => {
      expect(quantityText(sent)).toEqual({ wrong: expect.stringMatching(/^is out of range/) })
    },
  )

  it.each(['e5', '1e', '1e+', '1e5.0', '1e 5', '+1e5', '1e5e5', '.5e1', '0x1e5'])('is not %j', (sent) => {
    expect(quantityText(sent)).toEqual({ wrong: expect.stringMatching(/^must be a plain decimal/) })
  })

  it('has the value that its text has, whatever the exponent', () => {
    const text = fc
      .tuple(
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        fc.integer({ min: -30, max: 30 }),
        fc.constantFrom('e', 'E'),
      )
      .map(([digits, exponent, e]) => `${digits}${e}${exponent}`)
    let taken = 0
    fc.assert(
      fc.property(text, (sent) => {
        const quantity = quantityText(sent)
        if (!('ok' in quantity)) return
        taken++
        expect(decimal(quantity.ok).eq(decimal(sent))).toBe(true)
        expect(quantityText(quantity.ok)).toEqual(quantity)
      }),
      { numRuns: 5_000 },
    )
    expect(taken).toBeGreaterThan(500)
  })

  it('is the same content of an event however it is spelt', () => {
    const contents = [1e-7, '1e-7', '1E-7', '0.0000001', '0.00000010'].map((quantity) => {
      const event = parseEvent({ id: 'e', customer_id: 'c', resource_type: 'r', quantity }, '#', 0, () => 'x')
      return Array.isArray(event) ? event : event.content
    })
    expect(new Set(contents).size).toBe(1)
  })

  it('sent as a number of too many digits is refused without digits that nobody sent', () => {
    for (const sent of [9223372036854776000, 0.12345678901234568]) {
      expect(quantityText(sent)).toEqual({ wrong: expect.stringMatching(/send a string$/) })
    }
  })
})
