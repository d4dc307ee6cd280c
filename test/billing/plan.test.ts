import { describe, expect, test } from 'vitest'
import { INTERVAL_COUNT_MAX, intervalUnits } from '../../src/billing/interval.ts'
import { type Plan, planChangeSchema, planInputSchema, planJson, planSchema } from '../../src/billing/plan.ts'
import {
  ENTITLEMENTS_PER_PLAN,
  FEES_PER_PLAN,
  PRICES_PER_PLAN,
  type Terms,
  TRIAL_MAX_DAYS,
} from '../../src/billing/terms.ts'

const price = { model: 'per_unit', unit_amount: '0.01' } as const
const plan = { key: 'pro', currency: 'USD', prices: [{ meter: 'api_calls', price }] }
/** What is taken for what a plan leaves out. */
const defaults = { fees: [], interval: 'month', interval_count: 1, trial_days: 0, entitlements: {} }
const groups = [{ match: { region: 'eu', tier: null }, price }]
const fee = { key: 'base', name: 'Base fee', amount: '49', due: 'advance' }

type Schema = { safeParse(sent: unknown): { error?: { issues: { path: PropertyKey[]; message: string }[] } } }
const issues = (schema: Schema, sent: unknown) =>
  schema.safeParse(sent).error?.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`) ?? []

describe('a plan', () => {
  test.each<[object]>([
    [plan],
    [{ ...plan, name: 'Pro', default: true }],
    [{ ...plan, name: null, default: false, prices: [] }],
    [{ ...plan, key: `${'a'.repeat(63)}.` }],
    [
      {
        ...plan,
        prices: [
          { meter: 'api_calls', price, groups },
          { meter: 'b', groups },
        ],
      },
    ],
    [
      {
        ...plan,
        fees: [fee, { ...fee, key: 'seats', name: null, amount: '0.000000000001', due: 'arrears' }],
      },
    ],
    [{ ...plan, trial_days: TRIAL_MAX_DAYS }],
    [{ ...plan, entitlements: { sso: true, support: false, seats: '10', storage: '0' } }],
    ...intervalUnits.map((interval): [object] => [
      { ...plan, interval, interval_count: INTERVAL_COUNT_MAX[interval] },
    ]),
  ])('%j is taken as it is, and what it leaves out is filled in', (sent) => {
    expect(planInputSchema.parse(sent)).toEqual({ ...defaults, ...sent })
  })

  test('has fees without a name, due in advance, if nothing else is said', () => {
    const { fees } = planInputSchema.parse({ ...plan, fees: [{ key: 'base', amount: '49' }] })
    expect(fees).toEqual([{ key: 'base', name: null, amount: '49', due: 'advance' }])
  })

  const badKey = 'must be 1 to 64 of a-z, 0-9, "_", "." and "-", and begin with a letter or a digit'
  const neither = 'must be there, or `groups` must: what no group’s price is for is shown as unpriced then'
  const entitlement = 'must be true, false, or a limit as a decimal string, such as "1000"'
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
        `prices/0: must not have "model", "unit_amount": a plan's price has meter, price, groups`,
        `prices/0/price: ${neither}`,
      ],
    ],
    [
      'a wrong price',
      { ...plan, prices: [{ meter: 'a', price: { ...price, unit_amount: 1 } }] },
      ['prices/0/price/unit_amount: must be a string, so that no digit is lost: send a string'],
    ],
    [
      'a currency without minor unit',
      { ...plan, currency: 'XDR' },
      ['currency: must be a current ISO 4217 currency code, such as "USD"'],
    ],
    ['"yes" for default', { ...plan, default: 'yes' }, ['default: must be true or false']],
    [
      'neither a price nor groups',
      { ...plan, prices: [{ meter: 'a' }, { meter: 'b', groups: [] }] },
      [`prices/0/price: ${neither}`, `prices/1/price: ${neither}`],
    ],
    [
      'a group with a wrong price',
      { ...plan, prices: [{ meter: 'a', groups: [{ match: { region: 'eu' } }] }] },
      [
        'prices/0/groups/0/price: must be an object with a model: one of per_unit, package, graduated, volume, flat, percentage, graduated_percentage',
      ],
    ],
    [
      'the same group twice',
      { ...plan, prices: [{ meter: 'a', groups: [...groups, ...groups] }] },
      [
        'prices/0/groups/1/match: must be another match: the one at index 0 is the same, and would always be taken',
      ],
    ],
    [
      'no list of fees',
      { ...plan, fees: { base: '49' } },
      ['fees: must be a list of {"key", "amount", "due"}'],
    ],
    [
      'a fee as a number',
      { ...plan, fees: [{ ...fee, amount: 49 }] },
      ['fees/0/amount: must be a string, so that no digit is lost: send a string'],
    ],
    ['a negative fee', { ...plan, fees: [{ ...fee, amount: '-1' }] }, ['fees/0/amount: must be 0 or more']],
    [
      'a misspelt fee',
      { ...plan, fees: [{ ...fee, ammount: '1' }] },
      ['fees/0: must not have "ammount": a fee has key, name, amount, due'],
    ],
    [
      'two fees of one key',
      { ...plan, fees: [fee, { ...fee, amount: '1' }] },
      ['fees/1/key: must be another key: base has a fee at index 0, and each fee has a key of its own'],
    ],
    [
      'a period of no months',
      { ...plan, interval_count: 0 },
      ['interval_count: must be a whole number from 1 to 365'],
    ],
    [
      'half a month',
      { ...plan, interval_count: 0.5 },
      ['interval_count: must be a whole number from 1 to 365'],
    ],
    [
      'a count as text',
      { ...plan, interval_count: '1' },
      ['interval_count: must be a whole number from 1 to 365'],
    ],
    [
      'periods of 366 days',
      { ...plan, interval: 'day', interval_count: 366 },
      ['interval_count: must be a whole number from 1 to 365'],
    ],
    ...(['week', 'month', 'quarter', 'year'] as const).map((interval): [string, unknown, string[]] => {
      const most = INTERVAL_COUNT_MAX[interval]
      return [
        `periods of ${most + 1} times a ${interval}`,
        { ...plan, interval, interval_count: most + 1 },
        [
          `interval_count: must be at most ${most} with the interval ${interval}: a period is three years long at most`,
        ],
      ]
    }),
    [
      'a trial of less than nothing',
      { ...plan, trial_days: -1 },
      ['trial_days: must be a whole number from 0 to 730'],
    ],
    [
      'a trial of a half day',
      { ...plan, trial_days: 0.5 },
      ['trial_days: must be a whole number from 0 to 730'],
    ],
    [
      'a trial of more than two years',
      { ...plan, trial_days: TRIAL_MAX_DAYS + 1 },
      ['trial_days: must be a whole number from 0 to 730'],
    ],
    ['a limit as a number', { ...plan, entitlements: { seats: 10 } }, [`entitlements/seats: ${entitlement}`]],
    [
      'a limit below zero',
      { ...plan, entitlements: { seats: '-1' } },
      [`entitlements/seats: ${entitlement}`],
    ],
    [
      'what it does not know',
      { ...plan, trial: 3 },
      [
        ': must not have "trial": a plan has key, name, currency, prices, fees, interval, interval_count, trial_days, entitlements, default',
      ],
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

  test(`has at most ${FEES_PER_PLAN} fees and ${ENTITLEMENTS_PER_PLAN} entitlements`, () => {
    const fees = Array.from({ length: FEES_PER_PLAN + 1 }, (_, i) => ({ ...fee, key: `f${i}` }))
    const names = Array.from({ length: ENTITLEMENTS_PER_PLAN + 1 }, (_, i) => [`e${i}`, true])
    const withSome = (fees: object[], names: unknown[][]) => ({
      ...plan,
      fees,
      entitlements: Object.fromEntries(names),
    })
    expect(issues(planInputSchema, withSome(fees.slice(1), names.slice(1)))).toEqual([])
    expect(issues(planInputSchema, withSome(fees, names))).toEqual([
      'fees: must have at most 20 fees',
      'entitlements: must have at most 100 names',
    ])
  })
})

describe('a change of a plan', () => {
  test.each([
    [{}],
    [{ name: null }],
    [{ currency: 'EUR' }],
    [{ prices: [] }],
    [{ fees: [fee] }],
    [{ interval: 'year' }],
    [{ interval_count: 36 }],
    [{ trial_days: 0 }],
    [{ entitlements: {} }],
    [{ default: true }],
  ])('%j is taken as it is, and nothing is filled in', (sent) => {
    expect(planChangeSchema.parse(sent)).toEqual(sent)
  })

  test("can't be of the key", () => {
    expect(issues(planChangeSchema, { key: 'other' })).toEqual([
      ': must not have "key": a change of a plan has name, currency, prices, fees, interval, interval_count, trial_days, entitlements, default',
    ])
  })

  test('has one price a meter, and one fee a key, too', () => {
    const prices = [...plan.prices, ...plan.prices]
    expect(issues(planChangeSchema, { prices, fees: [fee, fee] })).toHaveLength(2)
  })
})

test('a plan is shown in snake_case, with UTC times', () => {
  const terms: Terms = {
    prices: [{ meter: 'api_calls', price }],
    fees: [{ key: 'base', name: null, amount: '4900', due: 'arrears' }],
    interval: 'quarter',
    interval_count: 2,
    trial_days: 14,
    entitlements: { seats: '10' },
  }
  const stored: Plan = {
    key: 'pro',
    name: null,
    currency: 'JPY',
    version: 3,
    terms,
    createdAt: new Date(Date.UTC(2026, 10, 1, 9, 30)),
    updatedAt: new Date(Date.UTC(2026, 10, 2)),
  }
  const json = planJson(stored, true)
  expect(json).toEqual({
    key: 'pro',
    name: null,
    currency: 'JPY',
    version: 3,
    ...terms,
    default: true,
    created_at: '2026-11-01T09:30:00.000Z',
    updated_at: '2026-11-02T00:00:00.000Z',
  })
  expect(planSchema.parse(json)).toEqual(json)
})
