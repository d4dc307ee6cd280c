// What is wrong with a quantity, meter by meter.

import { describe, expect, it } from 'vitest'
import { deltasOf } from '../../src/metering/count-events.ts'
import { type Event, parseEvent } from '../../src/metering/event.ts'
import type { Meter } from '../../src/metering/meter.ts'
import { meter, tenantConfig } from '../support/metering.ts'

const NOW_MS = Date.UTC(2026, 10, 20)

function counted(meters: Meter[], sent: { quantity: string; properties?: Record<string, unknown> }) {
  const event = parseEvent(
    { customer_id: 'alice', resource_type: 'api_call', ...sent },
    '#',
    NOW_MS,
    () => 'id',
  )
  return deltasOf(event as Event, meters, tenantConfig(meters), '#')
}

const amounts = (meters: Meter[], sent: Parameters<typeof counted>[1]) => {
  const result = counted(meters, sent)
  return 'deltas' in result
    ? result.deltas.map(({ meter: id, a }) => [meters.find((one) => one.id === id)!.key, a])
    : result
}

describe('a negative quantity', () => {
  it('is nothing to a meter that reads another property', () => {
    const tokens = meter('tokens', 'sum', { value: 'tokens' })
    const most = meter('most', 'max', { value: 'tokens' })
    const users = meter('users', 'unique_count', { value: 'user' })
    const sent = { quantity: '-1', properties: { tokens: 7, user: 'u1' } }
    expect(amounts([tokens, most, users], sent)).toEqual([
      ['tokens', '7'],
      ['most', '7'],
      ['users', '1'],
    ])
  })

  it('is a change to a weighted sum', () => {
    expect(amounts([meter('stored', 'weighted_sum')], { quantity: '-1' })).toEqual([['stored', '-1']])
  })

  it.each([
    meter('calls', 'sum'),
    meter('calls', 'max'),
    // A correction of what was counted, whatever the meter's value is: a count goes up only.
    meter('calls', 'count'),
    meter('calls', 'count', { value: 'tokens' }),
  ])('is refused by a $aggregation of $value, at its place', (one) => {
    const other = meter('tokens', 'sum', { value: 'tokens' })
    expect(counted([other, one], { quantity: '-1', properties: { tokens: 7 } })).toEqual([
      { pointer: '#/quantity', detail: expect.stringContaining('must not be below 0: the meter calls is a') },
    ])
  })

  it('is refused where the property is that a meter reads, and only there', () => {
    const tokens = meter('tokens', 'sum', { value: 'tokens' })
    expect(counted([tokens], { quantity: '5', properties: { tokens: -7 } })).toEqual([
      { pointer: '#/properties/tokens', detail: expect.stringContaining('must not be below 0') },
    ])
  })
})
