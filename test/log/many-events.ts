// Events to export, as many as you like, by pages.

import type { Row } from '../../src/log/export/table.ts'

/** Events as they could be, `total` of them by pages, and how many were asked for so far. */
export function manyEvents(total: number, perPage: number) {
  const state = { made: 0, ended: false }
  async function* pages(): AsyncGenerator<Row[]> {
    try {
      while (state.made < total) {
        const first = state.made
        state.made = Math.min(total, first + perPage)
        yield Array.from({ length: state.made - first }, (_, i) => event(first + i))
      }
    } finally {
      state.ended = true
    }
  }
  return { state, pages: pages() }
}

const event = (i: number): Row => ({
  id: `req_${(i * 2_654_435_761) % 4_294_967_296}_${i}`,
  customer_id: `cust_${i % 997}`,
  resource_type: 'tokens',
  quantity: `${i % 5000}.${String(i % 97).padStart(2, '0')}1`,
  timestamp: 1_764_000_000_000_000n + BigInt(i) * 1_000n,
  properties: {
    model: `model-${i % 7}`,
    region: i % 2 ? 'eu' : 'us',
    request: `${i}-${(i * 7919) % 104_729}`,
  },
  received_at: 1_764_000_000_000_123n + BigInt(i) * 1_000n,
  meters: ['tokens', 'requests'],
  history: i % 3 === 0,
})
