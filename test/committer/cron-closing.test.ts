// The Worker's cron in workerd, with more invoices due than one invocation issues: objects close ranges of them.

import { expect, it } from 'vitest'
import { ADMIN } from '../app/start.ts'
import { startCronWorker } from './cron-worker.ts'

/** A batch has a hundred, and a run one batch: this is two ranges. */
const CUSTOMERS = 150
const EVENTS_EACH = 3
const SENT_AT_ONCE = 8

/** Of this month, or of one before it. */
function firstOfMonth(before: number): number {
  const now = new Date()
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - before, 1)
}

it('invoices that are due are issued in one run, each once, by an object for each range; their numbers have no gap', async () => {
  const env = { INVOICE_BATCHES_PER_RUN: '1', INVOICE_GRACE_MINUTES: '0' }
  const { worker, call, lines } = await startCronWorker({ committer: true, env, script: 'telling-worker.ts' })
  const { api_key } = await call('POST', '/api/v1/tenants', ADMIN, { name: 'T' })
  const key = api_key.key
  await call('POST', '/api/v1/meters', key, { key: 'calls', resource_type: 'call', aggregation: 'count' })
  const prices = [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '0.50' } }]
  await call('POST', '/api/v1/plans', key, { key: 'month', currency: 'USD', prices })
  const customers = Array.from({ length: CUSTOMERS }, (_, n) => `c${n}`)
  const timestamp = new Date(firstOfMonth(0) - 3_600_000).toISOString()
  const used = customers.flatMap((customer_id) =>
    Array.from({ length: EVENTS_EACH }, () => ({ customer_id, resource_type: 'call', timestamp })),
  )
  await call('POST', '/api/v1/usage', key, used)
  const start = new Date(firstOfMonth(1)).toISOString()
  const waiting = customers.values()
  const lane = async () => {
    for (const customer_id of waiting)
      await call('POST', '/api/v1/subscriptions', key, { customer_id, plan: 'month', start })
  }
  await Promise.all(Array.from({ length: SENT_AT_ONCE }, lane))

  await worker.fireCron()
  const said = (what: RegExp) => lines.flatMap((line) => what.exec(line)?.slice(1) ?? [])
  await expect.poll(() => said(/invoices: (.*)/)).toEqual([`issued ${CUSTOMERS} invoices`])
  expect(said(/object (\d issued \d+)/).sort()).toEqual(['0 issued 100', '1 issued 50'])

  const invoices: { number: string; customer_id: string; total: string }[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor && `&cursor=${cursor}`
    const page = await call('GET', `/api/v1/invoices?status=issued&limit=100${more}`, key)
    invoices.push(...page.data)
    cursor = page.next_cursor
  }
  expect(invoices.map(({ customer_id }) => customer_id).sort()).toEqual(customers.toSorted())
  expect(new Set(invoices.map(({ total }) => total))).toEqual(new Set(['1.50']))
  const numbers = invoices.map(({ number }) => Number(/\d+$/.exec(number)![0])).sort((a, b) => a - b)
  expect(numbers).toEqual(Array.from({ length: CUSTOMERS }, (_, i) => i + 1))
}, 180_000)
