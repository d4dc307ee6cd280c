import { describe, expect, it } from 'vitest'
import { type CounterChange, summaryOf, touchedBy } from '../../src/log/effect.ts'

const HOUR = 3_600_000

const added = (customerId: string, hour: number, a: string): CounterChange => ({
  customerId,
  meterId: 'm1',
  hourMs: hour * HOUR,
  groups: '[]',
  distinctValue: '',
  merge: 'add',
  kind: 'added',
  added: { a, b: '-1' },
})

describe('an effect', () => {
  it('touches, of each customer and meter, the hours from the first change to the end of the last', () => {
    const changes = [added('a', 7, '-1'), added('a', 3, '-2'), added('b', 5, '-3')]
    expect(touchedBy({ events: 3, changes })).toEqual([
      { customerId: 'a', meterId: 'm1', fromMs: 3 * HOUR, toMs: 8 * HOUR },
      { customerId: 'b', meterId: 'm1', fromMs: 5 * HOUR, toMs: 6 * HOUR },
    ])
  })

  it('is summed exactly by customer and meter, and what is counted anew has no sum', () => {
    const anew: CounterChange = {
      ...added('b', 5, ''),
      merge: 'max',
      kind: 'counted_anew',
      before: { a: '9', b: '0' },
      after: null,
    }
    const changes = [added('a', 7, '-0.1'), added('a', 3, '-0.2'), anew]
    expect(summaryOf({ events: 3, changes })).toEqual([
      expect.objectContaining({ customerId: 'a', added: { a: '-0.3', b: '-2' }, counters: 2 }),
      expect.objectContaining({ customerId: 'b', added: null, counters: 1 }),
    ])
  })

  it('is summed with history, as usage is', () => {
    const history = { ...added('a', 3, '-2'), meterId: 'h:m1' }
    expect(summaryOf({ events: 2, changes: [added('a', 7, '-1'), history] })).toEqual([
      {
        customerId: 'a',
        meterId: 'm1',
        fromMs: 3 * HOUR,
        toMs: 8 * HOUR,
        added: { a: '-3', b: '-2' },
        counters: 2,
      },
    ])
  })
})
