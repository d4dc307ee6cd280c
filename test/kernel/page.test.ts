import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compareUtf8, mergeUtf8, pageOf, pageRequest } from '../../src/kernel/page.ts'

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
/** Strings around the places where UTF-16 and UTF-8 disagree. */
const tricky = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀', '\u{10ffff}'),
})

describe('UTF-8 order', () => {
  it('is that of the bytes, for any two texts', () => {
    fc.assert(
      fc.property(fc.oneof(tricky, fc.string({ unit: 'grapheme' })), tricky, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(byBytes(a, b)))
      }),
    )
  })

  it('is not JavaScript’s own', () => {
    expect('\uffff' < '😀').toBe(false)
    expect(compareUtf8('\uffff', '😀')).toBeLessThan(0)
  })

  it('a merge has every item of its lists once, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.array(tricky)), fc.nat(20), (lists, limit) => {
        const sorted = lists.map((list) => [...list].sort(byBytes))
        const expected = [...new Set(lists.flat())].sort(byBytes).slice(0, limit)
        expect(mergeUtf8(sorted, limit)).toEqual(expected)
      }),
    )
  })
})

describe('pages', () => {
  it('the cursor of a page leads to the item after its last one, whatever text that is', () => {
    fc.assert(
      fc.property(tricky, (last) => {
        const { data, next_cursor } = pageOf('things', [last, 'more'], 1, (item) => item)
        expect(data).toEqual([last])
        expect(pageRequest('things', { cursor: next_cursor! }, z.string())).toEqual({
          after: last,
          limit: 20,
        })
      }),
    )
  })

  it('the last page has no cursor', () => {
    expect(pageOf('things', ['a', 'b'], 2, (item) => item)).toEqual({ data: ['a', 'b'], next_cursor: null })
    expect(pageOf('things', [], 2, (item: string) => item)).toEqual({ data: [], next_cursor: null })
  })

  const cursorOf = (list: string, item: string) => pageOf(list, [item, 'x'], 1, (one) => one).next_cursor!
  it.each([
    ['no base64', '§§§'],
    ['no JSON', btoa('hello')],
    ['another list’s', cursorOf('others', 'a')],
    ['no place in this list', cursorOf('things', 'NOT LOWER')],
    ['empty', ''],
  ])('a cursor that is %s is refused by name', (_, cursor) => {
    expect(() => pageRequest('things', { cursor }, z.string().regex(/^[a-z]+$/))).toThrowError(
      expect.objectContaining({
        code: 'validation_failed',
        issues: [expect.objectContaining({ pointer: 'cursor' })],
      }),
    )
  })
})
