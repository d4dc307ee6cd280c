import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closeDue } from '../../../src/billing/invoices/close-due.ts'
import { closePeriods, roundsToClose } from '../../../src/billing/invoices/close-periods.ts'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { CustomerAccount, DAY_MS, HOUR_MS, meter } from '../customer-account.ts'

const price = {
  model: 'graduated',
  tiers: [
    { up_to: '20', unit_amount: '0.77' },
    { up_to: null, unit_amount: '0.1' },
  ],
}
const NOW = Date.parse('2026-12-01T00:00Z')

const opened = (interval: string, timezone = 'UTC') =>
  new CustomerAccount(new Date(NOW).toISOString(), { timezone, meters: [meter('calls'), meter('seats')] })
    .plan('calls', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '9.99' }], interval })
    .plan('seats', {
      prices: [{ meter: 'seats', price }],
      fees: [{ key: 'seat', amount: '3', due: 'arrears' }],
      interval: 'week',
    })
    .coupon('five', { percentOff: '15', periods: 5 })

/** What an invoice says, but for ids, numbers and when it was made. */
const said = ({
  id: _,
  subscriptionId: __,
  number: ___,
  createdMs: ____,
  adjustedBy,
  lines,
  totals,
  ...rest
}: Invoice) => ({
  ...rest,
  adjustedBy: adjustedBy.map(({ invoiceId: _, ...one }) => one),
  lines: lines.map((line) => (line.kind === 'adjustment' ? { ...line, adjusts: line.adjusts.line } : line)),
  totals: { ...totals, credits: totals!.credits.map(({ name, amount }) => [name, amount]) },
})

describe('closing many periods at once', () => {
  const anEvent = fc.record({
    meter: fc.constantFrom('calls', 'seats'),
    day: fc.integer({ min: 0, max: 260 }),
    quantity: fc.integer({ min: -2, max: 50 }),
    lateDays: fc.nat(40),
  })
  it('issues what closing them one by one does, to the last line and draw of credit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          interval: fc.constantFrom('day', 'week', 'month'),
          timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
          back: fc.integer({ min: 20, max: 200 }),
          events: fc.array(anEvent, { maxLength: 20 }),
          closings: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
          cancel: fc.option(fc.nat(60)),
          most: fc.constantFrom(2, 7, 400),
        }),
        async ({ interval, timezone, back, events, closings, cancel, most }) => {
          const closedBy = async (close: (account: CustomerAccount) => unknown) => {
            const account = opened(interval, timezone)
            account.taxRates = [{ name: 'VAT', percent: '19' }]
            for (const [priority, days] of [40, 300].entries())
              await account.grant({
                amount: '25',
                priority,
                name: `${days} days`,
                expires_at: new Date(NOW + days * DAY_MS).toISOString(),
              })
            const startMs = NOW - back * DAY_MS
            const start = new Date(startMs).toISOString()
            const calls = await account.subscribe({ plan: 'calls', start, coupons: ['five'] })
            const seats = await account.subscribe({ plan: 'seats', start })
            const doings = [
              ...events.map(({ meter, day, quantity, lateDays }) => ({
                atMs: Math.max(NOW, startMs + (day + lateDays) * DAY_MS),
                do: () => account.use(`${quantity}`, startMs + day * DAY_MS, { meter }),
              })),
              ...closings.map((day) => ({ atMs: NOW + day * DAY_MS, do: () => close(account) })),
              ...(cancel === null
                ? []
                : [{ atMs: NOW + cancel * DAY_MS, do: () => account.cancel(calls.id, 'now') }]),
            ].toSorted((x, y) => x.atMs - y.atMs)
            for (const one of doings) {
              account.at(one.atMs)
              await one.do()
            }
            for (const days of [0, 100, 101, 200]) close(account.at(NOW + (100 + days) * DAY_MS))
            return {
              invoices: [calls, seats].map(({ id }) => account.invoices(id).map(said)),
              numbers: [calls, seats].map(({ id }) => account.invoices(id).map(({ number }) => number)),
              subscriptions: [calls, seats].map(({ id }) => account.subscriptions.get(id)!.coupons),
              left: account.grants().map(({ id, name }) => [name, account.remaining(id)]),
            }
          }
          expect(await closedBy((account) => account.closeAtOnce(most))).toEqual(
            await closedBy((account) => account.close()),
          )
        },
      ),
      { numRuns: 40 },
    )
  })

  it('takes a year of days in one go, and no more rounds than it is given', async () => {
    const account = opened('day')
    const { id } = await account.subscribe({
      plan: 'calls',
      start: new Date(NOW - 365 * DAY_MS).toISOString(),
    })
    expect(account.at(NOW + HOUR_MS).closeAtOnce().rounds).toEqual([365])
    expect(account.invoices(id)).toHaveLength(366)

    const again = opened('day')
    await again.subscribe({ plan: 'calls', start: new Date(NOW - 30 * DAY_MS).toISOString() })
    expect(again.at(NOW + HOUR_MS).closeAtOnce(8).rounds).toEqual([8, 8, 8, 6])
  })

  it('keeps what came before a period that can’t be closed', async () => {
    const account = opened('day')
    await account.subscribe({ plan: 'calls', start: new Date(NOW - 30 * DAY_MS).toISOString() })
    const facts = {
      account: account.account(),
      timezone: 'UTC',
      settings: account.settings,
      nowMs: NOW + HOUR_MS,
      newId: account.newId,
      meters: new Map(account.tenant.meters.map((one) => [one.key, one])),
      usageOf: ((span) => {
        if (span.fromMs >= NOW - 10 * DAY_MS) throw new Error('unreadable')
        return account.usageOf(span)
      }) as typeof account.usageOf,
    }
    expect(roundsToClose(facts, 400)).toHaveLength(30)
    account.write(closePeriods(facts, 30))
    expect(
      account
        .invoices()
        .map(({ endMs }) => endMs)
        .at(-1),
    ).toBe(NOW - 10 * DAY_MS)
    expect(() => closePeriods({ ...facts, account: account.account() }, 10)).toThrow('unreadable')
  })
})

describe('a run', () => {
  it('closes the others where an account can’t be closed, and says why it can’t', async () => {
    const [good, bad] = [opened('month'), opened('month')]
    for (const account of [good, bad]) {
      await account.subscribe({ plan: 'calls', start: '2026-10-01T00:00:00Z' })
      account.at('2026-11-01T01:00Z')
    }
    const accounts = () => [
      { ...bad.account(), customerId: 'bad', terms: [] },
      { ...good.account(), customerId: 'good' },
    ]
    const isDue = ({ subscriptions }: ReturnType<typeof good.account>) =>
      subscriptions.some(({ dueMs }) => dueMs! <= good.nowMs)
    const services = {
      clock: () => good.nowMs,
      billing: good.settings,
      configs: { load: async () => good.tenant, forget: () => {}, reload: async () => good.tenant },
      counters: { readLive: async () => ({ configVersion: 1, counters: [] }) },
      usage: { spanTotals: async () => [] },
      accounts: {
        recountedAccounts: async () => null,
        dueAccounts: async () => {
          const due = accounts().filter(isDue)
          return due.length === 0 ? null : due
        },
        saveAccounts: async (_: string, changes: Parameters<typeof good.write>[0][]) =>
          changes.flatMap((change) =>
            (change.customerId === 'bad' ? bad : good).write({ ...change }).map((saved) => ({
              ...saved,
              customerId: change.customerId,
            })),
          ),
      },
    }
    const report = await closeDue(services as never)
    expect(report).toMatchObject({
      issued: 1,
      failed: [{ customerId: 'bad', reason: expect.stringContaining('lacks version 1') }],
      more: false,
    })
    expect(good.invoices().map(({ kind }) => kind)).toEqual(['opening', 'period'])
  })

  it('waits for a meter that is being filled, as long again as the grace; what comes then is late usage', async () => {
    const reaching = { ...meter('calls'), countsFromMs: Number.NEGATIVE_INFINITY }
    const account = new CustomerAccount('2026-10-01T00:00Z', { meters: [reaching] })
    account.plan('calls', { prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '1' } }] })
    await account.subscribe({ plan: 'calls', start: '2026-10-01T00:00:00Z' })
    let filling = true
    const services = {
      clock: () => account.nowMs,
      billing: account.settings,
      configs: { load: async () => account.tenant, forget: () => {}, reload: async () => account.tenant },
      counters: { readLive: async () => ({ configVersion: 1, counters: [] }) },
      usage: {
        spanTotals: async () => [],
        incomplete: async () => new Set(filling ? [reaching.id] : []),
      },
      accounts: {
        recountedAccounts: async () => null,
        dueAccounts: async () => {
          const found = account.account()
          const due = found.subscriptions.some(({ dueMs }) => dueMs !== null && dueMs <= account.nowMs)
          return due ? [found] : null
        },
        saveAccounts: async (_: string, changes: Parameters<typeof account.write>[0][]) =>
          changes.flatMap((change) => account.write({ ...change })),
      },
    }
    const issuedAt = async (now: string) => {
      account.at(now)
      return (await closeDue(services as never)).issued
    }
    expect(await issuedAt('2026-11-01T01:00:00Z')).toBe(0)
    expect(await issuedAt('2026-11-01T01:30:00Z')).toBe(0)
    expect(await issuedAt('2026-11-01T01:59:59Z')).toBe(0)
    // It isn't filled yet, and is waited for no longer.
    expect(await issuedAt('2026-11-01T02:00:00Z')).toBe(1)
    expect(await issuedAt('2026-12-01T01:00:00Z')).toBe(0)
    filling = false
    expect(await issuedAt('2026-12-01T01:05:00Z')).toBe(1)
  })
})
