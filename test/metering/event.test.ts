// Two ways tell what an event is: the schema, which has the words for mistakes, and the fast one for events without any.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventSchema, soundFields } from '../../src/metering/event.ts'

const sound = {
  id: 'e1',
  customer_id: 'cust_42',
  resource_type: 'api_call',
  quantity: '1.50',
  timestamp: '2026-11-22T10:00:00Z',
  properties: { model: 'large' },
}

const odd = fc.constantFrom<unknown>(
  ...['', ' ', '.', '..', 'a\nb', 'a\u0000', '\ud800', '😀', 'é', '\u007f', '\u0085', '1', '-0', '01.50'],
  ...['1e3', '+1', '.5', '1234567890123456', '0.1234567890123', 'NaN', '2026-11-22T10:00:00Z'],
  ...['2026-11-22T10:00:00.123456+05:30', '2026-11-22T10:00Z', '2026-02-30T10:00:00Z', '2026-11-22'],
  ...['2026-11-22T10:00:00', '2026-11-22T24:00:00Z', '2026-11-22t10:00:00z', '2026-11-22T10:00:00-00:00'],
  ...['x'.repeat(128), 'x'.repeat(129), '😀'.repeat(64), '😀'.repeat(65), 'x'.repeat(512), 'x'.repeat(513)],
  ...[0, -0, 1, 0.1, -2.5, 1e15, 1e21, 1e-13, 0.1 + 0.2, null, true, [], [1], {}, { a: { b: [null] } }],
)
/** The name __proto__ is refused with the body, before anyone looks at an event in it. */
const json = fc.jsonValue().filter((sent) => !JSON.stringify(sent).includes('"__proto__"'))
const value = fc.oneof(odd, fc.string({ unit: 'binary' }), fc.double(), json)

/** An event with some of its fields left out, and some others in their place or beside them. */
const almostSound = fc
  .tuple(
    fc.subarray(Object.keys(sound) as (keyof typeof sound)[]),
    fc.dictionary(fc.constantFrom(...Object.keys(sound), 'customer', 'toString'), value, { maxKeys: 3 }),
  )
  .map(([kept, others]) => ({ ...Object.fromEntries(kept.map((name) => [name, sound[name]])), ...others }))

/** The fast way may leave an event to the schema, but must never say another thing than it. */
function agrees(sent: unknown): boolean {
  const fast = soundFields(sent)
  if (fast === null) return false
  expect(eventSchema.safeParse(sent)).toEqual({ success: true, data: fast })
  return true
}

describe('an event that the fast way takes', () => {
  it('is one that the schema takes, and the same', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: almostSound }, value), (sent) => {
        if (agrees(sent)) taken++
      }),
      { numRuns: 10_000 },
    )
    expect(taken).toBeGreaterThan(500)
  })

  it('is one that the schema takes, whichever of its fields is odd', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(sound)), value, (name, sent) => {
        if (agrees({ ...sound, [name]: sent })) taken++
      }),
      { numRuns: 20_000 },
    )
    expect(taken).toBeGreaterThan(2_000)
  })

  it.each([
    ['with every field', sound],
    ['with the required ones', { customer_id: 'c', resource_type: 'r' }],
    ['with a number', { ...sound, quantity: 0.25 }],
    ['with another offset', { ...sound, timestamp: '2026-11-22T10:00:00.123+05:30' }],
  ])('may be one %s', (_, sent) => {
    expect(agrees(sent)).toBe(true)
  })
})
