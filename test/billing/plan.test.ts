import { describe, expect, test } from 'vitest'
import {
  type Plan,
  PRICES_PER_PLAN,
  planChangeSchema,
  planInputSchema,
  planJson,
  planSchema,
} from '../../src/billing/plan.ts'

const price = { model: 'per_unit', unit_amount: '0.01' } as const
const plan = { key: 'pro', currency: 'USD', prices: [{ meter: 'api_calls', price }] }

type Schema = { safeParse(sent: unknown): { error?: { issues: { path: PropertyKey[]; message: string }[] } } }
const issues = (schema: Schema, sent: unknown) =>
  schema.safeParse(sent).error?.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`) ?? []

describe('a plan', () => {
  test.each([
    [plan],
    [{ ...plan, name: 'Pro', default: true }],
    [{ ...plan, name: null, default: false, prices: [] }],
    [{ ...plan, key: `${'a'.repeat(63)}.` }],
  ])('%j is taken as it is', (sent) => {
    expect(planInputSchema.parse(sent)).toEqual(sent)
  })

  const badKey = 'must be 1 to 64 of a-z, 0-9, "_", "." and "-", and begin with a letter or a digit'
  test.each<[string, unknown, string[]]>([
    ['a key in capitals', { ...plan, key: 'Pro' }, [`key: ${badKey}`]],
    ['a key of 65', { ...plan, key: 'a'.repeat(65) }, [`key: ${badKey}`]],
    ['a key with a line break', { ...plan, key: 'pro\n' }, [`key: ${badKey}`]],
    [
      "a meter that can't be one",
      { ...plan, prices: [{ meter: '-x', price }] },
      [`prices/0/meter: ${badKey}`],
    ],
    [
      'two prices for a meter',
      { ...plan, prices: [...plan.prices, { meter: 'b', price }, ...plan.prices] },
      [
        'prices/2/meter: must be another meter: api_calls has a price at index 0, and a plan has one price a meter',
      ],
    ],
    [
      'a name with NUL',
      { ...plan, name: 'a\0' },
      ['name: must be one line of valid Unicode, without control characters'],
    ],
    [
      'no list of prices',
      { ...plan, prices: { api_calls: price } },
      ['prices: must be a list of {"meter", "price"}'],
    ],
    ['no prices at all', { key: 'pro', currency: 'USD' }, ['prices: must be a list of {"meter", "price"}']],
    [
      'a price in its item',
      { ...plan, prices: [{ meter: 'a', ...price }] },
      [
        'prices/0/price: must be an object with a model: one of per_unit, package, graduated, volume, flat, percentage, graduated_percentage',
        `prices/0: must not have "model", "unit_amount": a plan's price has meter, price`,
      ],
    ],
    [
      'a wrong price',
      { ...plan, prices: [{ meter: 'a', price: { ...price, unit_amount: 1 } }] },
      ['prices/0/price/unit_amount: must be a string, so that no digit is lost: send "1", not 1'],
    ],
    [
      'a currency without minor unit',
      { ...plan, currency: 'XDR' },
      ['currency: must be a current ISO 4217 currency code, such as "USD"'],
    ],
    ['"yes" for default', { ...plan, default: 'yes' }, ['default: must be true or false']],
    [
      'what it does not know',
      { ...plan, trial_days: 3 },
      [': must not have "trial_days": a plan has key, name, currency, prices, default'],
    ],
  ])('with %s is refused', (_, sent, messages) => {
    expect(issues(planInputSchema, sent)).toEqual(messages)
  })

  test(`has at most ${PRICES_PER_PLAN} prices`, () => {
    const prices = Array.from({ length: PRICES_PER_PLAN }, (_, i) => ({ meter: `m${i}`, price }))
    expect(issues(planInputSchema, { ...plan, prices })).toEqual([])
    expect(issues(planInputSchema, { ...plan, prices: [...prices, { meter: 'one_more', price }] })).toEqual([
      'prices: must have at most 200 prices',
    ])
  })
})

describe('a change of a plan', () => {
  test.each([[{}], [{ name: null }], [{ currency: 'EUR' }], [{ prices: [] }], [{ default: true }]])(
    '%j is taken as it is, and nothing is filled in',
    (sent) => {
      expect(planChangeSchema.parse(sent)).toEqual(sent)
    },
  )

  test("can't be of the key", () => {
    expect(issues(planChangeSchema, { key: 'other' })).toEqual([
      ': must not have "key": a change of a plan has name, currency, prices, default',
    ])
  })

  test('has one price a meter too', () => {
    const prices = [...plan.prices, ...plan.prices]
    expect(issues(planChangeSchema, { prices })).toHaveLength(1)
  })
})

test('a plan is shown in snake_case, with UTC times', () => {
  const stored: Plan = {
    key: 'pro',
    name: null,
    currency: 'JPY',
    prices: [{ meter: 'api_calls', price }],
    createdAt: new Date(Date.UTC(2026, 10, 1, 9, 30)),
    updatedAt: new Date(Date.UTC(2026, 10, 2)),
  }
  const json = planJson(stored, true)
  expect(json).toEqual({
    key: 'pro',
    name: null,
    currency: 'JPY',
    prices: [{ meter: 'api_calls', price }],
    default: true,
    created_at: '2026-11-01T09:30:00.000Z',
    updated_at: '2026-11-02T00:00:00.000Z',
  })
  expect(planSchema.parse(json)).toEqual(json)
})
