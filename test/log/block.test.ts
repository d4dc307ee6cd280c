// A block's content: what was put into it comes out of it, whatever the texts.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deflate } from '../../src/kernel/deflate.ts'
import { type BlockLine, blockText, packed, readBlock } from '../../src/log/block.ts'
import { headOfLine, lineOf, noLists } from '../../src/metering/logged.ts'
import { entriesOf, eventOf, listOf, NOW_MICROS, sent } from './logged-calls.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

const lineWith = (one: unknown, at: number, list: string[]): BlockLine => {
  const event = eventOf(one)
  const lists = noLists()
  lists[event.resourceType] = list
  return { receivedMicros: NOW_MICROS + at, lists, line: lineOf(event) }
}

const drawn = fc.array(fc.record({ sent, at: fc.nat(1_000), meters: fc.nat(3) }), { maxLength: 12 })

describe('a block', () => {
  it('holds what was put into it, in that order, whatever the texts and the lists', () => {
    fc.assert(
      fc.property(drawn, (all) => {
        const lines = all.map(({ sent, at, meters }) => lineWith(sent, at, listOf(meters)))
        const { entries, erased } = readBlock(packed(blockText(lines)))
        const wanted = all.flatMap(({ sent, at, meters }) =>
          entriesOf([eventOf(sent)], NOW_MICROS + at, listOf(meters)),
        )
        // As JSON keeps them: -0 is 0 there, and everywhere else here.
        expect(JSON.stringify(entries)).toBe(JSON.stringify(wanted.map(inOrder)))
        expect(erased).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('says who was erased from it', () => {
    const gone = [{ customerId: 'a "b"\u2028', byMicros: NOW_MICROS }]
    const lines = [lineWith({ id: '1', customer_id: 'c', resource_type: 't' }, 0, [])]
    expect(readBlock(packed(blockText(lines, gone))).erased).toEqual(gone)
    expect(readBlock(packed(blockText([], gone)))).toEqual({ entries: [], erased: gone })
  })

  it('names lists once, however many calls and events have them', () => {
    const lines = Array.from({ length: 100 }, (_, i) =>
      lineWith({ id: `${i}`, customer_id: 'c', resource_type: 't' }, i, listOf(1 + (i % 2))),
    )
    const [head] = blockText(lines).split('\n')
    expect(JSON.parse(head!)).toMatchObject({ lists: [{ t: listOf(1) }, { t: listOf(2) }] })
    const { entries } = readBlock(packed(blockText(lines)))
    expect(entries.map(({ meters }) => meters.length)).toEqual(lines.map((_, i) => 1 + (i % 2)))
  })

  it.each([0, 2, 99])('of format %i is refused by name, whatever else it holds', (format) => {
    const content = deflate(utf8(`${JSON.stringify({ format, lists: [], erased: [] })}\n1 0 []`))
    expect(() => readBlock(content)).toThrow(`A block of format ${format} was found; this version reads 1`)
  })

  it.each([
    ['what isn’t packed', utf8('{"format":1,"lists":[],"erased":[]}')],
    ['what is cut off', packed(blockText([])).subarray(0, 5)],
    ['nothing', new Uint8Array(0)],
    ['what isn’t UTF-8', deflate(new Uint8Array([0xff, 0xfe]))],
    ['what isn’t JSON', deflate(utf8('format 1'))],
  ])('is not %s', (_, content) => {
    expect(() => readBlock(content)).toThrow()
  })
})

describe('a line', () => {
  it('is one, whatever the texts', () => {
    fc.assert(
      fc.property(sent, (one) => {
        expect(lineOf(eventOf(one))).not.toMatch(/[\n\r]/)
      }),
    )
  })

  it('tells the index what the event says, read off or parsed', () => {
    fc.assert(
      fc.property(sent, (one) => {
        const event = eventOf(one)
        const { id, customerId, resourceType, timestampMs } = event
        expect(headOfLine(lineOf(event))).toEqual({ id, customerId, resourceType, timestampMs })
      }),
      { numRuns: 500 },
    )
  })
})

/** Properties are kept with their keys in order. */
function inOrder<T extends { properties: Record<string, unknown> }>(entry: T): T {
  const { properties } = entry
  const keys = Object.keys(properties).sort()
  // Of own entries alone: `__proto__` is a name like any other.
  return { ...entry, properties: JSON.parse(`{${keys.map((key) => member(key, properties[key])).join()}}`) }
}
const member = (key: string, value: unknown) => `${JSON.stringify(key)}:${JSON.stringify(value)}`
