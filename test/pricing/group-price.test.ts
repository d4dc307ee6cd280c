import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUP_BY_PROPERTIES, GROUP_VALUES_BYTES } from '../../src/metering/limits.ts'
import {
  closestRule,
  foreignProperties,
  GROUP_PRICES_PER_METER,
  type GroupValues,
  groupPricesSchema,
  MATCH_VALUE_CHARS,
  PROPERTIES_PER_MATCH,
} from '../../src/pricing/group-price.ts'

const price = { model: 'per_unit', unit_amount: '0.01' }

const rule = (name: string, match: GroupValues) => ({ name, match })

describe('the rule that prices a group', () => {
  const rules = [
    rule('eu', { region: 'eu' }),
    rule('large', { model: 'large' }),
    rule('large in eu', { model: 'large', region: 'eu' }),
    rule('unknown region', { region: null }),
    rule('eu again, later', { size: 'xl', region: 'eu' }),
  ]
  test.each<[string, GroupValues, string | undefined]>([
    ['fits', { region: 'eu', model: 'small' }, 'eu'],
    ['has the most properties', { region: 'eu', model: 'large' }, 'large in eu'],
    ['is the first of equals', { region: 'eu', model: 'large', size: 'xl' }, 'large in eu'],
    ['is the only one that fits', { region: 'us', model: 'large' }, 'large'],
    ['asks for a missing property', { region: null, model: 'small' }, 'unknown region'],
    ['is for a property that the group doesn’t have', { model: 'small' }, 'unknown region'],
    ['is none, where none fits', { region: 'us', model: 'small' }, undefined],
    ['takes "" for a value, not for a missing one', { region: '', model: 'small' }, undefined],
    ['takes "null" for a value', { region: 'null', model: 'small' }, undefined],
    ['tells capitals apart', { region: 'EU', model: 'small' }, undefined],
  ])('%s: %j', (_, group, expected) => {
    expect(closestRule(rules, group)?.name).toBe(expected)
  })

  test('is the first of two that are equally close, in either order', () => {
    const [eu, large] = [rule('eu', { region: 'eu' }), rule('large', { model: 'large' })]
    const group = { region: 'eu', model: 'large' }
    expect(closestRule([eu, large], group)).toBe(eu)
    expect(closestRule([large, eu], group)).toBe(large)
  })

  test('is none of an empty list, and never a rule that asks for nothing', () => {
    expect(closestRule([], { region: 'eu' })).toBeNull()
    expect(closestRule([rule('all', {})], { region: 'eu' })).toBeNull()
  })

  test('sees a property called "constructor" only where the group has it', () => {
    const rules = [
      rule('named so', { constructor: 'x' } as unknown as GroupValues),
      rule('without', { toString: null } as unknown as GroupValues),
    ]
    expect(closestRule(rules, { region: 'eu' })?.name).toBe('without')
    expect(closestRule(rules, { constructor: 'x', toString: 'y' } as unknown as GroupValues)?.name).toBe(
      'named so',
    )
  })

  test('is what a search by definition finds', () => {
    const values = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y', null))
    fc.assert(
      fc.property(fc.array(values.map((match) => rule('', match))), values, (rules, group) => {
        const fits = rules
          .map((rule, index) => ({ rule, index, properties: Object.keys(rule.match) }))
          .filter(
            ({ rule, properties }) =>
              properties.length > 0 && properties.every((name) => (group[name] ?? null) === rule.match[name]),
          )
          .sort((a, b) => b.properties.length - a.properties.length || a.index - b.index)
        expect(closestRule(rules, group)).toBe(fits[0]?.rule ?? null)
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
