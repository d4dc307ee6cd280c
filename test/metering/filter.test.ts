import { describe, expect, it } from 'vitest'
import { type FilterTerm, passes } from '../../src/metering/filter.ts'

const term = (op: FilterTerm['op'], value: FilterTerm['value']): FilterTerm => ({ property: 'p', op, value })

describe('a term of a filter', () => {
  it.each<[FilterTerm['op'], FilterTerm['value'], { holds: unknown[]; not: unknown[] }]>([
    ['eq', 'ok', { holds: ['ok'], not: ['OK', 'ok ', '', true, 1, {}, ['ok'], null, undefined] }],
    ['eq', '200', { holds: ['200', 200], not: ['200.0', 201, '0200', null] }],
    ['eq', 'true', { holds: ['true', true], not: [false, 'TRUE', 1] }],
    ['eq', 'null', { holds: ['null'], not: [null, undefined] }],
    ['eq', 'undefined', { holds: ['undefined'], not: [null, undefined] }],
    ['eq', '[object Object]', { holds: ['[object Object]'], not: [{}] }],
    [
      'eq',
      1,
      {
        holds: [1, '1', '1.0', '01', '1e0', '10E-1'],
        not: [true, '1x', '', ' 1', '1e1', '1e9999', 1.5, [1], null, undefined],
      },
    ],
    ['eq', 0, { holds: [0, -0, '0', '-0', '0.000'], not: [false, '', null, undefined, []] }],
    ['eq', 0.1, { holds: [0.1, '0.10'], not: [0.2, '0.1000000000000000055511151231257827'] }],
    ['eq', true, { holds: [true], not: ['true', 1, false, null, undefined] }],
    ['eq', false, { holds: [false], not: ['false', 0, '', null, undefined, true] }],
    ['ne', 'ok', { holds: ['no', 1, {}, [], null, undefined], not: ['ok'] }],
    ['ne', 1, { holds: [2, 'x', true, null, undefined], not: [1, '1.00'] }],
    ['in', ['a', 2, true], { holds: ['a', 2, '2.0', true], not: ['b', 'true', '', null, undefined, ['a']] }],
    ['exists', true, { holds: [0, '', false, {}, []], not: [null, undefined] }],
    ['exists', false, { holds: [null, undefined], not: [0, '', false] }],
    [
      'gt',
      '0.3',
      {
        holds: [0.30000000000000004, '0.3000000000000000000001', 1],
        not: [0.3, '0.30', -1, 'x', true, null, undefined, {}],
      },
    ],
    ['gte', 5, { holds: [5, '5.000', 5.5, '5e0', '5E+1'], not: [4.9, '4.999999999999', '5e-1', '', ' 5'] }],
    ['lt', '-1.5', { holds: [-2, '-1.500001'], not: [-1.5, 0, null, undefined, false] }],
    [
      'lte',
      '999999999999999.999999999999',
      { holds: ['999999999999999.999999999999', 0], not: ['1000000000000000', '9'.repeat(65)] },
    ],
  ])('%s %j', (op, value, { holds, not }) => {
    for (const sent of holds) expect(passes([term(op, value)], { p: sent }), JSON.stringify(sent)).toBe(true)
    for (const sent of not) expect(passes([term(op, value)], { p: sent }), JSON.stringify(sent)).toBe(false)
    const absent = passes([term(op, value)], {})
    expect(absent).toBe(op === 'ne' || (op === 'exists' && value === false))
  })

  it.each(['eq', 'ne', 'gt', 'lte'] as const)(
    '%s can’t be told of a number that JSON has taken for another',
    (op) => {
      expect(passes([term(op, 1)], { p: 2 ** 53 })).toEqual({ lostDigits: 'p' })
      expect(passes([term(op, 1)], { p: Number.POSITIVE_INFINITY })).toEqual({ lostDigits: 'p' })
      expect(passes([term('exists', true)], { p: 2 ** 53 })).toBe(true)
    },
  )
})

describe('a filter', () => {
  it('passes what all of its terms hold on; an empty one passes all', () => {
    const both: FilterTerm[] = [
      { property: 'usage.kind', op: 'eq', value: 'chat' },
      { property: '$.usage.tokens[0]', op: 'gt', value: 10 },
    ]
    const events = [
      { usage: { kind: 'chat', tokens: [11] } },
      { usage: { kind: 'chat', tokens: [10] } },
      { usage: { kind: 'image', tokens: [11] } },
      { 'usage.kind': 'chat', usage: { tokens: ['11'] } },
      { kind: 'chat' },
    ]
    expect(events.map((event) => passes(both, event))).toEqual([true, false, false, true, false])
    expect(passes([], {})).toBe(true)
  })

  it('finds nothing that objects inherit', () => {
    const exists = (property: string) => passes([{ property, op: 'exists', value: true }], { a: [], b: 'x' })
    for (const property of ['constructor', 'toString', 'a.length', 'a.map', 'b.length', 'a.constructor.name'])
      expect(exists(property), property).toBe(false)
  })
})
