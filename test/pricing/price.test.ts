import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { priceModels, priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'
import { TIERS_PER_PRICE } from '../../src/pricing/tiers.ts'

/** Every issue as "where: what". */
const issues = (sent: unknown): string[] =>
  priceSchema.safeParse(sent).error?.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`) ?? []

const cent = { model: 'per_unit', unit_amount: '0.01' }
const graduated = (...tiers: unknown[]) => ({ model: 'graduated', tiers })
const last = { up_to: null, unit_amount: '0.005' }

describe('a price', () => {
  test.each([
    [cent],
    [{ ...cent, free_units: '100', minimum_amount: '5', maximum_amount: '5' }],
    [{ model: 'package', package_size: '0.5', package_amount: '0' }],
    [graduated({ up_to: '1000', unit_amount: '0.01', flat_amount: '0' }, last)],
    [
      graduated(
        { up_to: '0.000000000001', flat_amount: '1' },
        { up_to: '999999999999999.999999999999', unit_amount: '1' },
        last,
      ),
    ],
    [{ model: 'volume', tiers: [last], flat_at_zero: false }],
    [{ model: 'flat', flat_amount: '5', flat_at_zero: true, discount_percent: '100' }],
    [{ model: 'percentage', rate: '0' }],
    [
      {
        model: 'percentage',
        rate: '2.9',
        fixed_amount: '0.3',
        free_events: '10',
        free_amount: '1000',
        unit_conversion: { divide_by: '100', round: 'none' },
      },
    ],
    [
      {
        model: 'graduated_percentage',
        tiers: [
          { up_to: '1', flat_amount: '1' },
          { up_to: null, rate: '2.9' },
        ],
      },
    ],
    [{ ...cent, unit_conversion: { divide_by: '0.000000000001', round: 'up' }, discount_percent: '0' }],
  ])('%j is taken as it is', (price) => {
    expect(priceSchema.parse(price)).toEqual(price)
  })

  test('is kept canonical: 1.50 is 1.5', () => {
    expect(priceSchema.parse({ ...cent, unit_amount: '1.50', minimum_amount: '5.00' })).toEqual({
      model: 'per_unit',
      unit_amount: '1.5',
      minimum_amount: '5',
    })
  })

  const models = 'per_unit, package, graduated, volume, flat, percentage, graduated_percentage'
  test.each<[unknown, string]>([
    [{ model: 'flatrate', amount: '5' }, `model: must be one of ${models}`],
    [{ unit_amount: '5' }, `model: must be one of ${models}`],
    [{ model: 'constructor' }, `model: must be one of ${models}`],
    ['0.01', `: must be an object with a model: one of ${models}`],
    [null, `: must be an object with a model: one of ${models}`],
    [
      { ...cent, unit_amount: 0.01 },
      'unit_amount: must be a string, so that no digit is lost: send a string',
    ],
    [{ ...cent, unit_amount: '-0.01' }, 'unit_amount: must be 0 or more'],
    [{ model: 'per_unit' }, 'unit_amount: must be a decimal string, such as "0.01"'],
    [
      { ...cent, minimum_ammount: '5' },
      ': must not have "minimum_ammount": a per_unit price has model, unit_amount, unit_conversion, free_units, discount_percent, minimum_amount, maximum_amount',
    ],
    [
      { ...cent, tiers: [last] },
      ': must not have "tiers": a per_unit price has model, unit_amount, unit_conversion, free_units, discount_percent, minimum_amount, maximum_amount',
    ],
    [{ ...cent, free_units: 100 }, 'free_units: must be a string, so that no digit is lost: send a string'],
    [{ ...cent, free_units: '-1' }, 'free_units: must be 0 or more'],
    [{ ...cent, free_units: null }, 'free_units: must be a decimal string, such as "0.01"'],
    [
      { ...cent, minimum_amount: '5', maximum_amount: '4.99' },
      'maximum_amount: must be 5 or more, because minimum_amount is 5',
    ],
    // as text, "10" comes before "9"
    [
      { ...cent, minimum_amount: '10', maximum_amount: '9' },
      'maximum_amount: must be 10 or more, because minimum_amount is 10',
    ],
    [{ ...cent, discount_percent: '100.01' }, 'discount_percent: must be 100 or less'],
    [{ ...cent, discount_percent: '-1' }, 'discount_percent: must be 0 or more'],
    [
      { ...cent, unit_conversion: { divide_by: '0', round: 'up' } },
      'unit_conversion/divide_by: must be more than 0',
    ],
    [
      { ...cent, unit_conversion: { divide_by: '10', round: 'half' } },
      'unit_conversion/round: must be one of up, down, nearest, none',
    ],
    [
      { ...cent, unit_conversion: { divide_by: '10' } },
      'unit_conversion/round: must be one of up, down, nearest, none',
    ],
    [
      { ...cent, unit_conversion: { multiply_by: '10', divide_by: '1', round: 'up' } },
      'unit_conversion: must not have "multiply_by": a unit conversion has divide_by, round',
    ],
    // what has no meaning for a model is none of its fields
    [
      { model: 'flat', flat_amount: '5', free_units: '1', unit_conversion: { divide_by: '10', round: 'up' } },
      ': must not have "free_units", "unit_conversion": a flat price has model, flat_amount, flat_at_zero, discount_percent, minimum_amount, maximum_amount',
    ],
    [
      { model: 'percentage', rate: '1', free_units: '1' },
      ': must not have "free_units": a percentage price has model, rate, fixed_amount, free_events, free_amount, unit_conversion, discount_percent, minimum_amount, maximum_amount',
    ],
    [
      { ...cent, flat_at_zero: false },
      ': must not have "flat_at_zero": a per_unit price has model, unit_amount, unit_conversion, free_units, discount_percent, minimum_amount, maximum_amount',
    ],
    [{ model: 'flat', flat_amount: '5', flat_at_zero: 'no' }, 'flat_at_zero: must be true or false'],
    [{ model: 'flat' }, 'flat_amount: must be a decimal string, such as "0.01"'],
    [{ model: 'percentage', rate: 2.9 }, 'rate: must be a string, so that no digit is lost: send a string'],
    [{ model: 'percentage', rate: '-1' }, 'rate: must be 0 or more'],
    [
      { model: 'percentage', rate: '1', fixed_amount: '1', free_events: '1.5' },
      'free_events: must be a whole number',
    ],
    [
      { model: 'percentage', rate: '1', free_events: '10' },
      'free_events: must come with fixed_amount: it is what these events do not pay',
    ],
    [
      { model: 'graduated_percentage', tiers: [{ up_to: null }] },
      'tiers/0/rate: must be there, or flat_amount must: a tier has one or both, "0" if it is free',
    ],
    [
      { model: 'graduated_percentage', tiers: [{ up_to: null, rate: '1', unit_amount: '1' }] },
      'tiers/0: must not have "unit_amount": a tier has up_to, rate, flat_amount',
    ],
    [
      { model: 'graduated_percentage', tiers: [] },
      'tiers: must have at least one tier: {"up_to":null,"rate":"2.9"} prices every unit alike',
    ],
    [
      { model: 'graduated_percentage' },
      'tiers: must be a list of tiers, such as [{"up_to":"1000","rate":"2.9"},{"up_to":null,"rate":"2.5"}]',
    ],
    [
      { model: 'graduated_percentage', tiers: [{ up_to: '1', rate: '1' }] },
      'tiers/0/up_to: must be null, not "1": the last tier has no end; add a tier after this one, or take its end away',
    ],
    [{ model: 'package', package_size: '0', package_amount: '5' }, 'package_size: must be more than 0'],
    [{ model: 'package', package_size: '100' }, 'package_amount: must be a decimal string, such as "0.01"'],
    [
      { model: 'package', package_size: '1234567890123456', package_amount: '5' },
      'package_size: must have at most 15 digits before the point and 12 after it',
    ],
  ])('%j is refused: %s', (sent, message) => {
    expect(issues(sent)).toEqual([message])
  })
})

describe('tiers', () => {
  const list =
    'tiers: must be a list of tiers, such as [{"up_to":"1000","unit_amount":"0.01"},{"up_to":null,"unit_amount":"0.005"}]'
  const tier = (up_to: unknown) => ({ up_to, unit_amount: '0.01' })

  test.each<[string, unknown, string[]]>([
    ['no list', { model: 'volume' }, [list]],
    ['an object for a list', { model: 'volume', tiers: { 0: last } }, [list]],
    [
      'none',
      graduated(),
      ['tiers: must have at least one tier: {"up_to":null,"unit_amount":"0.01"} prices every unit alike'],
    ],
    [
      'no end',
      graduated({ unit_amount: '1' }),
      ['tiers/0/up_to: must be a decimal string, such as "1", or null in the last tier'],
    ],
    [
      'a number for an end',
      graduated(tier(1000), last),
      ['tiers/0/up_to: must be a string, so that no digit is lost: send a string'],
    ],
    ['an end of 0', graduated(tier('0'), last), ['tiers/0/up_to: must be more than 0']],
    [
      'a last tier with an end',
      graduated(tier('10'), tier('20')),
      [
        'tiers/1/up_to: must be null, not "20": the last tier has no end; add a tier after this one, or take its end away',
      ],
    ],
    [
      'an only tier with an end',
      graduated(tier('10')),
      [
        'tiers/0/up_to: must be null, not "10": the last tier has no end; add a tier after this one, or take its end away',
      ],
    ],
    [
      'an earlier tier without end',
      graduated(tier(null), last),
      ['tiers/0/up_to: must be the last unit of the tier: only the last tier has null'],
    ],
    [
      'ends that stay',
      graduated(tier('10'), tier('10.0'), last),
      ['tiers/1/up_to: must be more than 10, where the tier before it ends'],
    ],
    [
      'ends that fall, though not as text',
      graduated(tier('10'), tier('9'), last),
      ['tiers/1/up_to: must be more than 10, where the tier before it ends'],
    ],
    [
      'two faults',
      graduated(tier('10'), tier('9'), tier('8')),
      [
        'tiers/1/up_to: must be more than 10, where the tier before it ends',
        'tiers/2/up_to: must be null, not "8": the last tier has no end; add a tier after this one, or take its end away',
      ],
    ],
    [
      'no amount',
      graduated({ up_to: null }),
      ['tiers/0/unit_amount: must be there, or flat_amount must: a tier has one or both, "0" if it is free'],
    ],
    [
      'a number for an amount',
      graduated({ up_to: null, flat_amount: 5 }),
      ['tiers/0/flat_amount: must be a string, so that no digit is lost: send a string'],
    ],
    [
      'a negative amount',
      graduated({ up_to: null, unit_amount: '-1' }),
      ['tiers/0/unit_amount: must be 0 or more'],
    ],
    [
      'a field of another API',
      graduated({ ...last, up_to_inclusive: '5' }),
      ['tiers/0: must not have "up_to_inclusive": a tier has up_to, unit_amount, flat_amount'],
    ],
    [
      'a number for a tier',
      graduated(5),
      ['tiers/0: must be an object: a tier has up_to, unit_amount, flat_amount'],
    ],
  ])('with %s are refused', (_, sent, messages) => {
    expect(issues(sent)).toEqual(messages)
  })

  test(`are at most ${TIERS_PER_PRICE}`, () => {
    const bounded = Array.from({ length: TIERS_PER_PRICE - 1 }, (_, i) => tier(String(i + 1)))
    expect(issues(graduated(...bounded, last))).toEqual([])
    expect(issues(graduated(tier('0.5'), ...bounded, last))).toEqual(['tiers: must have at most 100 tiers'])
  })
})

describe('the table of models', () => {
  test.each(Object.entries(priceModels))(
    '%s answers to its name, in its prices, its rows and its example',
    (name, model) => {
      const example = priceSchema.parse(model.schema.meta()?.example)
      expect(example.model).toBe(name)
      const kinds: string[] = model.rowSchemas.map(({ shape }) => shape.kind.value)
      expect(kinds[0]).toBe(name)
      for (const quantity of ['0', '1500']) {
        const rows = rate(example, decimal(quantity), 'USD', decimal('12')).breakdown
        expect(rows.map((row) => row.kind)).toContain(name)
        expect(rows.filter((row) => !kinds.includes(row.kind))).toEqual([])
      }
    },
  )
})
