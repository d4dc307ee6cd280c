import { describe, expect, test } from 'vitest'
import { previewPrice, previewResultSchema, previewSchema } from '../../src/pricing/preview.ts'

const price = {
  model: 'graduated',
  tiers: [
    { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
    { up_to: null, unit_amount: '0.005' },
  ],
}

describe('a preview', () => {
  test('prices a quantity as a bill would', () => {
    const result = previewPrice(previewSchema.parse({ currency: 'USD', price, quantity: '1500.50' }))
    expect(result).toEqual({
      currency: 'USD',
      quantity: '1500.5',
      amount: '12.50',
      unrounded_amount: '12.5025',
      breakdown: [
        {
          kind: 'graduated',
          from: '0',
          up_to: '1000',
          quantity: '1000',
          unit_amount: '0.01',
          flat_amount: '0',
          amount: '10',
        },
        {
          kind: 'graduated',
          from: '1000',
          up_to: null,
          quantity: '500.5',
          unit_amount: '0.005',
          flat_amount: '0',
          amount: '2.5025',
        },
      ],
    })
    expect(previewResultSchema.parse(result)).toEqual(result)
  })

  test('takes how many events the quantity is of', () => {
    const price = { model: 'percentage', rate: '2.9', fixed_amount: '0.3' }
    const result = previewPrice(
      previewSchema.parse({ currency: 'USD', price, quantity: '200', events: '12' }),
    )
    expect(result).toEqual({
      currency: 'USD',
      quantity: '200',
      events: '12',
      amount: '9.40',
      unrounded_amount: '9.4',
      breakdown: [
        { kind: 'percentage', quantity: '200', rate: '2.9', amount: '5.8' },
        {
          kind: 'fixed_amount',
          events: '12',
          free_events: '0',
          paid_events: '12',
          fixed_amount: '0.3',
          amount: '3.6',
        },
      ],
    })
    expect(previewResultSchema.parse(result)).toEqual(result)
  })

  test.each<[string, unknown, string[]]>([
    [
      'half an event',
      { currency: 'USD', price, quantity: '1', events: '1.5' },
      ['events: must be a whole number'],
    ],
    ['a negative quantity', { currency: 'USD', price, quantity: '-1' }, ['quantity: must be 0 or more']],
    [
      'a number',
      { currency: 'USD', price, quantity: 5 },
      ['quantity: must be a string, so that no digit is lost: send a string'],
    ],
    [
      'another currency',
      { currency: 'XAU', price, quantity: '5' },
      ['currency: must be a current ISO 4217 currency code, such as "USD"'],
    ],
    [
      'what it does not know',
      { currency: 'USD', price, quantity: '5', plan: 'x' },
      [': must not have "plan": a preview has currency, price, quantity, events'],
    ],
    [
      'faults in all parts',
      { price: { model: 'per_unit', unit_amount: 1 }, quantity: 'x' },
      [
        'currency: must be an ISO 4217 currency code, such as "USD"',
        'price/unit_amount: must be a string, so that no digit is lost: send a string',
        'quantity: must be a decimal string, such as "0.01"',
      ],
    ],
  ])('refuses %s', (_, sent, messages) => {
    const issues = previewSchema.safeParse(sent).error?.issues
    expect(issues?.map((issue) => `${issue.path.join('/')}: ${issue.message}`)).toEqual(messages)
  })
})
