// What the oracle of the fuzzer takes events to stand as, and what it reads in a file for an import.

import { describe, expect, it } from 'vitest'
import type { Actor } from './actor.ts'
import { CSV, csvText, eventsByLine, NDJSON } from './import-file.ts'
import { Fields } from './json-text.ts'
import type { FuzzRequest } from './request.ts'
import { type EventFilter, SCALE, Standing, type State, stateOf, timeMs, totalName } from './standing.ts'
import { Turns } from './turns.ts'

const actor = { open: 'o', sumMeter: 'osum', countMeters: { ocall: 'oncall' } } as unknown as Actor
const at = (ms: number) => ({ fromMs: ms, toMs: ms })
const sent = (more: Partial<State> = {}): State => ({
  ...{ customer: 'a', type: 'ocall', quantity: 2n * SCALE, time: at(5), properties: { region: 'eu' } },
  ...more,
})
const ever: EventFilter = {
  ...{ customer: null, type: null, fromMs: 0, toMs: 10, properties: {}, vague: false },
}
const all = { fromMs: 0, toMs: 100 }

describe('events as they stand', () => {
  const standing = () => {
    const made = new Standing(actor)
    made.accept('1', sent())
    made.accept('2', sent({ properties: { region: 'us', usage: { tokens: 1 } } }))
    made.settle()
    return made
  }
  const sum = (one: Standing, customer = 'a') => one.totals(all).get(totalName(customer, 'osum')) ?? 0n

  it('are what was sent, with what was amended, without what was voided, and as before once that is taken back', () => {
    const one = standing()
    const [first, second] = [...one.events.values()]
    one.apply('amend', { quantity: 3n * SCALE, customer: 'b', properties: { region: null } as never }, [
      first!,
    ])
    one.apply('void', null, [second!])
    expect([sum(one), sum(one, 'b')]).toEqual([0n, 3n * SCALE])
    expect(stateOf(first!)!.properties).toEqual({})
    one.revert('amend')
    one.revert('void')
    expect(sum(one)).toBe(4n * SCALE)
    expect(one.totals(all).get(totalName('a', 'otokens'))).toBe(SCALE)
  })

  it('may be lacking in what a meter was revised to, where a property can’t be in its groups', () => {
    const one = standing()
    const lacks = () => ['a', 'b'].map((customer) => one.mayLack(customer, 'oncall'))
    expect(lacks()).toEqual([false, false])
    one.revise('oncall', ['size', 'usage.tokens'])
    expect(lacks()).toEqual([false, false])
    one.accept('3', sent({ properties: { size: [null] } }))
    expect(lacks()).toEqual([true, false])
    one.apply('amend', { customer: 'b', properties: { usage: { tokens: {} } } }, [one.events.get('1')!])
    expect(lacks()).toEqual([true, true])
    expect(one.mayLack('a', 'osum')).toBe(false)
  })

  it('match a filter for certain where they are settled and their time is known, and else perhaps', () => {
    const one = standing()
    one.accept('3', sent({ time: { fromMs: 8, toMs: 12 } }))
    const count = (more: Partial<EventFilter>) => {
      const { surely, perhaps } = one.matching({ ...ever, ...more })
      return [surely.length, perhaps.length]
    }
    expect(count({})).toEqual([2, 3])
    expect(count({ properties: { region: 'us' } })).toEqual([1, 1])
    expect(count({ vague: true })).toEqual([0, 3])
    expect(count({ customer: 'b' })).toEqual([0, 0])
    one.erase('a')
    expect(count({})).toEqual([0, 0])
    expect(sum(one)).toBe(6n * SCALE)
  })

  it.each([
    ['2026-11-22T10:00:00.1239Z', '2026-11-22T10:00:00.123Z'],
    ['2026-11-22t10:00:00+05:30', '2026-11-22T04:30:00.000Z'],
    ['2016-12-31T23:59:60z', '2017-01-01T00:00:00.000Z'],
  ])('%s is %s', (text, instant) => expect(new Date(timeMs(text)).toISOString()).toBe(instant))
})

describe('a file for an import', () => {
  const read = (text: string, type: string, query: [string, string][] = []) =>
    eventsByLine({ headers: [['content-type', type]], query } as FuzzRequest, Buffer.from(text))

  it('is read by lines as NDJSON, empty ones left out', () => {
    const found = read('\ufeff{"id":"1"}\n\nx\n{"id":"2"}', NDJSON)
    expect([...found]).toEqual([
      [1, { id: '1' }],
      [3, null],
      [4, { id: '2' }],
    ])
    expect([...read('{"id":"1"}\n{"id":"2"}', NDJSON, [['from_line', '2']]).keys()]).toEqual([2])
  })

  it('comes back from CSV as it was written', () => {
    const event = {
      id: 'a "b"',
      customer_id: 'c,d\ne',
      resource_type: 'call',
      timestamp: '2026-11-22T10:00:00.000Z',
    }
    const query = {
      columns: 'customer_id:who',
      values: 'resource_type:call',
      times: 'milliseconds',
      separator: 'semicolon',
    }
    const text = csvText([new Fields(Object.entries(event)), new Fields(Object.entries(event))], query)
    const found = read(
      text,
      CSV,
      Object.entries(query).map(([name, value]) => [name, encodeURIComponent(value)]),
    )
    // A line break in quotes is one of the file's.
    expect([...found]).toEqual([
      [2, event],
      [4, event],
    ])
  })
})

it('one that is alone waits for those under way, and the next wait for it', async () => {
  const turns = new Turns()
  const seen: string[] = []
  const work = (name: string, ms: number) => async () => {
    seen.push(`${name} begins`)
    await new Promise((resolve) => setTimeout(resolve, ms))
    seen.push(`${name} ends`)
  }
  const first = [turns.together(work('a', 20)), turns.together(work('b', 5))]
  await new Promise((resolve) => setTimeout(resolve, 1))
  await Promise.all([
    ...first,
    turns.alone(work('c', 5)),
    turns.together(work('d', 1)),
    turns.alone(work('e', 1)),
  ])
  expect(seen.slice(0, 4)).toEqual(['a begins', 'b begins', 'b ends', 'a ends'])
  for (const name of ['c', 'e']) expect(seen[seen.indexOf(`${name} begins`) + 1]).toBe(`${name} ends`)
  expect(seen).toHaveLength(10)
})
