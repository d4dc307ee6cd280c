// Closing by ranges over real statements, while usage of some of the accounts was counted anew.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeRange, nothingClosed } from '../../../src/billing/invoices/close-due.ts'
import { closeInRanges } from '../../../src/billing/invoices/close-ranges.ts'
import { ALL_DUE } from '../../../src/billing/invoices/due-range.ts'
import { createSubscription } from '../../../src/billing/subscriptions/create-subscription.ts'
import { subscriptionInputSchema } from '../../../src/billing/subscriptions/subscription-input.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { type PostgresBackend, postgresBackends } from '../../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../../support/redis.ts'
import { Correcting } from './correcting.ts'

const FEBRUARY_MS = Date.UTC(2026, 1, 1, 2)
const CUSTOMERS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace']
const used = { meter: 'peak', model: null, user: 'u', hourMs: Date.UTC(2026, 0, 5) } as const

let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  redis = await redisBackends[0]!.open()
  postgres = await postgresBackends[0]!.open()
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

/** January is due, of seven customers; of bob and frank something was counted anew since. */
async function january(): Promise<Correcting> {
  const at = new Correcting(redis, postgres)
  await at.begin()
  const caller = { tenant: await at.load(), newId }
  for (const customer_id of CUSTOMERS.slice(1))
    await createSubscription(at.services, caller, subscriptionInputSchema.parse({ customer_id, plan: 'pro' }))
  for (const customerId of ['bob', 'frank']) {
    const name = await at.nameOf({ ...used, customerId, a: '5', b: '1' })
    await at.enter([{ ...name, kind: 'counted_anew', before: null, after: { a: '5', b: '1' } }], newId())
  }
  at.nowMs = FEBRUARY_MS
  return at
}

it('every account is closed once, by several ranges at once, and numbers have no gap', async () => {
  const at = await january()
  const services = {
    ...at.services,
    billing: { ...at.services.billing, accountsPerBatch: 2, batchesPerRun: 1 },
  }
  const closed: number[] = []
  const run = () =>
    closeInRanges(
      services,
      async (range, lane) => {
        const one = await closeRange(services, range)
        closed[lane] = (closed[lane] ?? 0) + one.issued
        return one
      },
      3,
    )
  // What was counted anew was taken in first, as much of it as a run takes: there may have been more.
  expect(await run()).toMatchObject({ issued: 7, failed: [], overtaken: 0 })
  expect(await run()).toEqual(nothingClosed())
  expect(closed.length).toBe(3)
  const invoices = await at.invoices()
  expect(invoices.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(invoices.map(({ customerId }) => customerId).sort()).toEqual(CUSTOMERS)
})

it('an account whose usage was counted anew after the ranges were cut is closed in its range all the same', async () => {
  const at = await january()
  const report = await closeRange(at.services, ALL_DUE)
  expect(report).toMatchObject({ issued: 7, overtaken: 2, failed: [], more: false })
  const [first, ...rest] = (await at.invoices()).toSorted((a, b) => (a.customerId < b.customerId ? -1 : 1))
  expect([first!.customerId, rest.length]).toEqual(['alice', 6])
})
