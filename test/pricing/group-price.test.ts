import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUP_BY_PROPERTIES, GROUP_VALUES_BYTES } from '../../src/metering/limits.ts'
import {
  foreignProperties,
  GROUP_PRICES_PER_METER,
  type GroupValues,
  groupPricesSchema,
  MATCH_VALUE_CHARS,
  mostSpecificFirst,
  PROPERTIES_PER_MATCH,
} from '../../src/pricing/group-price.ts'

const price = { model: 'per_unit', unit_amount: '0.01' }

describe('the order of precedence', () => {
  const of = (...matches: GroupValues[]) =>
    mostSpecificFirst(matches.map((match) => ({ match }))).map(({ match }) => match)

  test('has rules with more properties first, and equals as they were', () => {
    const [eu, large, both, none] = [
      { region: 'eu' },
      { model: 'l' },
      { model: 'l', region: 'eu' },
      { region: null },
    ]
    expect(of(eu, large, both, none)).toEqual([both, eu, large, none])
    expect(of(none, large, both, eu)).toEqual([both, none, large, eu])
    expect(of()).toEqual([])
  })

  test('makes the first rule that fits the closest one', () => {
    const values = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y', null), {
      minKeys: 1,
    })
    fc.assert(
      fc.property(fc.array(values), values, (matches, group) => {
        const fits = (match: GroupValues) =>
          Object.entries(match).every(([property, value]) => (group[property] ?? null) === value)
        const size = (match: GroupValues) => Object.keys(match).length
        const most = Math.max(...matches.filter(fits).map(size))
        expect(of(...matches).find(fits)).toBe(matches.find((match) => fits(match) && size(match) === most))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a list of group prices', () => {
  const issues = (sent: unknown) =>
    groupPricesSchema
      .safeParse(sent)
      .error?.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`) ?? []
  const properties = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, 'x']))

  test.each([
    [[]],
    [[{ match: { region: 'eu' }, price }]],
    [
      [
        { match: { region: 'eu', model: null }, price },
        { match: { region: 'eu' }, price },
        { match: { region: 'eu', model: 'null' }, price },
      ],
    ],
    [[{ match: properties(PROPERTIES_PER_MATCH), price }]],
    [[{ match: { region: 'x'.repeat(MATCH_VALUE_CHARS) }, price }]],
  ])('%j is taken as it is', (sent) => {
    expect(groupPricesSchema.parse(sent)).toEqual(sent)
  })

  test.each<[string, unknown, string[]]>([
    ['an object', {}, [': must be a list of {"match", "price"}']],
    [
      'an empty match',
      [{ match: {}, price }],
      ['0/match: must have a property: what every group pays is the `price` beside the list'],
    ],
    ['no match', [{ price }], ['0/match: must be an object of values by property, such as {"region":"eu"}']],
    [
      'too many properties',
      [{ match: properties(PROPERTIES_PER_MATCH + 1), price }],
      ['0/match: must have at most 5 properties'],
    ],
    [
      'the same match again, in another order',
      [
        { match: { a: 'x', b: null }, price },
        { match: { a: 'x' }, price },
        { match: { b: null, a: 'x' }, price },
      ],
      ['2/match: must be another match: the one at index 0 is the same, and would always be taken'],
    ],
    [
      'no price',
      [{ match: { a: 'x' } }],
      [
        '0/price: must be an object with a model: one of per_unit, package, graduated, volume, flat, percentage, graduated_percentage',
      ],
    ],
    [
      'a field too many',
      [{ match: { a: 'x' }, price, default: true }],
      ['0: must not have "default": a group price has match, price'],
    ],
  ])('with %s is refused', (_, sent, expected) => {
    expect(issues(sent)).toEqual(expected)
  })

  test.each([5, true, 'x'.repeat(MATCH_VALUE_CHARS + 1)])(
    'with a value such as %j is refused, by its place',
    (value) => {
      expect(issues([{ match: { region: value }, price }])).toEqual([
        expect.stringMatching(/^0\/match\/region: /),
      ])
    },
  )

  test(`has at most ${GROUP_PRICES_PER_METER}`, () => {
    const rules = Array.from({ length: GROUP_PRICES_PER_METER + 1 }, (_, i) => ({
      match: { n: String(i) },
      price,
    }))
    expect(issues(rules.slice(1))).toEqual([])
    expect(issues(rules)).toEqual([`: must have at most ${GROUP_PRICES_PER_METER} group prices`])
  })

  test('can ask for all that a meter can group by', () => {
    expect(PROPERTIES_PER_MATCH).toBe(GROUP_BY_PROPERTIES)
    expect(MATCH_VALUE_CHARS).toBe(GROUP_VALUES_BYTES)
  })

  test('names every property that its meter does not group by', () => {
    const rules: { match: GroupValues }[] = [
      { match: { region: 'eu' } },
      { match: { regoin: 'eu', model: 'x', tier: null } },
    ]
    const detail = 'must be a property that the meter groups by: region, model'
    expect(foreignProperties(rules, ['region', 'model'])).toEqual([
      { index: 1, property: 'regoin', detail },
      { index: 1, property: 'tier', detail },
    ])
    expect(foreignProperties(rules, ['region', 'regoin', 'model', 'tier'])).toEqual([])
    expect(foreignProperties([{ match: { a: 'x' } }], [])).toEqual([
      { index: 0, property: 'a', detail: 'must not be there: the meter has no group_by' },
    ])
  })
})
