// The Worker's cron in workerd, with more to settle than one run may: with objects that take runs of their own, and without.

import { expect, it } from 'vitest'
import { ADMIN } from '../app/start.ts'
import { isFull } from '../support/effort.ts'
import { startCronWorker } from './cron-worker.ts'

/** Counters of a segment are 10,000 at most. */
const CUSTOMERS = 11_000
const BATCH = 1_000

it.each([
  ['an object for each partition', true],
  ...(isFull ? [['no object', false] as const] : []),
] as const)(
  'with %s, what one run leaves is settled by further ones',
  async (_, committer) => {
    const env = { PARTITIONS: '2', SEGMENTS_PER_FLUSH: '1' }
    const { worker, call } = await startCronWorker({ committer, env })
    const unsettled = async (): Promise<number[]> =>
      (await call('GET', '/api/v1/flush', ADMIN)).partitions.map(
        (one: { unsettled_counters: number }) => one.unsettled_counters,
      )
    const keys: string[] = []
    for (const partition of [0, 1]) {
      const { api_key } = await call('POST', '/api/v1/tenants', ADMIN, { name: 'T', partition })
      keys.push(api_key.key)
      const meter = { key: 'calls', resource_type: 'call', aggregation: 'count' }
      await call('POST', '/api/v1/meters', api_key.key, meter)
    }
    for (let n = 0; n < CUSTOMERS; n += BATCH)
      for (const [at, key] of keys.entries())
        if (at === 0 || n === 0)
          await call(
            'POST',
            '/api/v1/usage',
            key,
            Array.from({ length: BATCH }, (_, i) => ({ customer_id: `c${n + i}`, resource_type: 'call' })),
          )
    // And what tells that all of them are logged.
    const [busy, calm] = await unsettled()
    expect(busy).toBeGreaterThan(CUSTOMERS)
    expect(calm).toBeGreaterThan(BATCH)
    await worker.fireCron()
    if (committer) expect(await unsettled()).toEqual([0, 0])
    else {
      expect((await unsettled()).reduce((sum, one) => sum + one)).toBeGreaterThan(0)
      for (let runs = 0; runs < 6; runs++) await worker.fireCron()
      expect(await unsettled()).toEqual([0, 0])
    }
    const { data } = await call('GET', '/api/v1/usage?customer_id=c0', keys[0]!)
    expect(data).toMatchObject([{ quantity: '1' }])
  },
  180_000,
)
