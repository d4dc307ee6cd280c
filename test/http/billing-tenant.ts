// A tenant with daily periods, so that some are over whenever the tests run: days are counted from today, in UTC.

import { caller, newTenant, type Server, type TestTenant } from './harness.ts'

const DAY_MS = 86_400_000

/** Midnight of the day that is `days` after today (before, if negative), and hours from there. */
export const day = (days: number, hour = 0): string =>
  new Date((Math.floor(Date.now() / DAY_MS) + days) * DAY_MS + hour * 3_600_000).toISOString()

export const graduated = {
  model: 'graduated',
  tiers: [
    { up_to: '100', unit_amount: '1' },
    { up_to: null, unit_amount: '0.10' },
  ],
}
const per = (unit_amount: string) => ({ model: 'per_unit', unit_amount })

/** Meters calls, and tokens by model; plans usage, pro (calls and a fee in advance), ai (tokens), and yen. */
export async function billingTenant(server: Server): Promise<TestTenant> {
  const tenant = await newTenant(server)
  const { call } = tenant
  const made = [
    await call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' }),
    await call('POST', '/api/v1/meters', {
      key: 'tokens',
      resource_type: 'token',
      aggregation: 'sum',
      group_by: ['model'],
    }),
    await call('POST', '/api/v1/plans', {
      key: 'usage',
      currency: 'USD',
      interval: 'day',
      prices: [{ meter: 'calls', price: graduated }],
    }),
    await call('POST', '/api/v1/plans', {
      key: 'pro',
      currency: 'USD',
      interval: 'day',
      prices: [{ meter: 'calls', price: graduated }],
      fees: [{ key: 'base', name: 'Base fee', amount: '3' }],
    }),
    await call('POST', '/api/v1/plans', {
      key: 'ai',
      currency: 'USD',
      interval: 'day',
      prices: [
        { meter: 'tokens', groups: [{ match: { model: 'large' }, price: per('2') }], price: per('0.5') },
      ],
    }),
    await call('POST', '/api/v1/plans', { key: 'yen', currency: 'JPY', interval: 'day', prices: [] }),
    await call('POST', '/api/v1/plans', { key: 'monthly', currency: 'USD', prices: [] }),
  ]
  for (const { status, body } of made) if (status !== 201) throw new Error(JSON.stringify(body))
  return tenant
}

/** Issues whatever is due, of every tenant of the server. */
export async function issueDue(server: Server): Promise<void> {
  for (let runs = 0; runs < 50; runs++) {
    const { status, body } = await caller(server, server.adminToken)('POST', '/api/v1/invoices/issue-due')
    if (status !== 200) throw new Error(JSON.stringify(body))
    if (!body.more) return
  }
  throw new Error('There is no end of what is due')
}
