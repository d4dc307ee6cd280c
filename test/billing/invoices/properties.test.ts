import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { localDate } from '../../../src/billing/interval.ts'
import type { FeeLine, Invoice, ProrationLine } from '../../../src/billing/invoices/invoice.ts'
import { proratedAmount } from '../../../src/billing/proration.ts'
import { phaseAt } from '../../../src/billing/subscriptions/subscription.ts'
import { type Decimal, decimal, sum, text, zero } from '../../../src/kernel/decimal.ts'
import { CustomerAccount, DAY_MS, HOUR_MS, meter } from '../customer-account.ts'

const START = '2026-01-01T00:00Z'
const hourAt = (n: number) => Date.parse(START) + n * HOUR_MS

const prices = [
  { model: 'per_unit', unit_amount: '0.333' },
  {
    model: 'graduated',
    tiers: [
      { up_to: '50', unit_amount: '0.77', flat_amount: '1' },
      { up_to: null, unit_amount: '0.013' },
    ],
  },
  {
    model: 'volume',
    tiers: [
      { up_to: '50', unit_amount: '0.5' },
      { up_to: null, unit_amount: '0.1' },
    ],
  },
  { model: 'package', package_size: '7', package_amount: '1.01', free_units: '3' },
]
const fees = [
  [],
  [{ key: 'base', amount: '49.99' }],
  [
    { key: 'base', amount: '100' },
    { key: 'seat', amount: '7.77', due: 'arrears' },
  ],
  [{ key: 'seat', amount: '7.77' }],
]
const plans = (zone: string, interval: string, graceMs = HOUR_MS) => {
  const account = new CustomerAccount(START, { timezone: zone, meters: [meter('calls')], graceMs })
  for (const [i, price] of prices.entries())
    account.plan(`p${i}`, { prices: [{ meter: 'calls', price }], fees: fees[i], interval })
  return account
}

const aZone = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
)
const anInterval = fc.constantFrom('week', 'month', 'quarter')
const aPlan = fc.nat(prices.length - 1).map((n) => `p${n}`)

/** What happens to a subscription, at hours from the start. */
type Doing =
  | { what: 'change'; plan: string; when: 'now' | 'period_end' }
  | { what: 'cancel'; when: 'now' | 'period_end' }
  | { what: 'reactivate' | 'close' }
type Step = { hour: number; minute: number; doing: Doing }
const aStep = (hours: number): fc.Arbitrary<Step> =>
  fc
    .tuple(
      fc.nat(hours),
      fc.nat(59),
      fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            what: fc.constant('change' as const),
            plan: aPlan,
            when: fc.constantFrom('now' as const, 'period_end' as const),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            what: fc.constant('cancel' as const),
            when: fc.constantFrom('now' as const, 'period_end' as const),
          }),
        },
        { weight: 2, arbitrary: fc.record({ what: fc.constant('reactivate' as const) }) },
        { weight: 4, arbitrary: fc.record({ what: fc.constant('close' as const) }) },
      ),
    )
    .map(([hour, minute, doing]) => ({ hour, minute, doing: doing as Doing }))
const someSteps = (hours: number): fc.Arbitrary<Step[]> =>
  fc
    .array(aStep(hours), { maxLength: 12 })
    .map((steps) => steps.toSorted((x, y) => x.hour - y.hour || x.minute - y.minute))

/** A step that can't be made, because the subscription has ended, say, changes nothing. */
async function take(account: CustomerAccount, id: string, { doing: step }: Step): Promise<void> {
  try {
    if (step.what === 'change') await account.change(id, { plan: step.plan, when: step.when })
    else if (step.what === 'cancel') await account.cancel(id, step.when)
    else if (step.what === 'reactivate') await account.reactivate(id)
    else account.close()
  } catch (error) {
    expect((error as { code?: string }).code).toBe('state_conflict')
  }
}

const amountOf = (invoices: Invoice[], kinds: string[]): string =>
  text(
    sum(
      invoices
        .flatMap(({ lines }) => lines)
        .filter(({ kind }) => kinds.includes(kind))
        .map(({ amount }) => decimal(amount)),
    ),
  )

describe('late usage', () => {
  const anEvent = fc.record({
    hour: fc.nat(100 * 24),
    quantity: fc.integer({ min: -3, max: 60 }),
    lateHours: fc.oneof(fc.constant(0), fc.nat(35 * 24)),
  })
  it('costs in the end what it would have cost in time, to the last minor unit, and is counted once', async () => {
    await fc.assert(
      fc.asyncProperty(
        aZone,
        anInterval,
        aPlan,
        fc.array(anEvent, { maxLength: 25 }),
        someSteps(100 * 24).map((steps) => steps.filter(({ doing }) => doing.what === 'change')),
        async (zone, interval, plan, events, steps) => {
          const billed = async (late: boolean) => {
            const account = plans(zone, interval)
            const { id } = await account.subscribe({ plan })
            const arrivals = events.map((event) => ({
              atMs: hourAt(event.hour + (late ? event.lateHours : 0)),
              do: async () => {
                account.use(String(event.quantity), hourAt(event.hour))
              },
            }))
            const doings = steps.map((step) => ({
              atMs: hourAt(step.hour) + step.minute * 60_000,
              do: () => take(account, id, step),
            }))
            const all = [...arrivals, ...doings].toSorted((x, y) => x.atMs - y.atMs)
            for (const one of all) {
              account.closeUntil(one.atMs)
              await one.do()
            }
            await account.closeUntil(hourAt(136 * 24)).cancel(id, 'period_end')
            account.closeUntil(hourAt(400 * 24))
            expect(account.subscriptions.get(id)!.dueMs).toBeNull()
            const quantities = account
              .invoices(id)
              .flatMap(({ lines }) => lines)
              .map((line) => ('quantity' in line ? decimal(line.quantity) : zero))
            return {
              cost: amountOf(account.invoices(id), ['usage', 'adjustment']),
              units: text(sum(quantities)),
            }
          }
          const [late, inTime] = [await billed(true), await billed(false)]
          expect(late).toEqual(inTime)
          expect(late.units).toBe(String(events.reduce((all, { quantity }) => all + quantity, 0)))
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('a year of changes and cancellations, closed at any time', () => {
  const HOURS = 365 * 24
  const aYear = {
    zone: aZone,
    interval: anInterval,
    plan: aPlan,
    anchor: fc.constantFrom('calendar', 'anniversary'),
    start: fc.nat(60 * 24),
    graceHours: fc.constantFrom(0, 1, 30),
    steps: someSteps(HOURS),
    end: fc.constantFrom('now' as const, 'period_end' as const),
  }
  it('has periods that follow each other, an invoice each, whose lines add up, and each fee once for every day', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record(aYear),
        async ({ zone, interval, plan, anchor, start, graceHours, steps, end }) => {
          const account = plans(zone, interval, graceHours * HOUR_MS).at(hourAt(start))
          const { id, startMs } = await account.subscribe({ plan, anchor })
          for (const step of steps.filter(({ hour }) => hour > start)) {
            account.at(hourAt(step.hour) + step.minute * 60_000)
            await take(account, id, step)
          }
          await account.at(hourAt(HOURS)).cancel(id, end)
          account.closeUntil(hourAt(HOURS) + 200 * DAY_MS)
          const invoices = account.invoices(id)
          const subscription = account.subscriptions.get(id)!
          expect(invoices.map(({ sequence }) => sequence)).toEqual(invoices.map((_, i) => i))
          const periods = invoices.filter(({ kind }) => kind === 'period')
          expect(periods.map((period) => period.startMs)).toEqual([
            startMs,
            ...periods.slice(0, -1).map(({ endMs }) => endMs),
          ])
          expect(periods.at(-1)!.endMs).toBe(subscription.cancelAtMs)
          for (const { lines, totals } of invoices)
            expect(text(sum(lines.map(({ amount }) => decimal(amount))))).toBe(
              text(decimal(totals!.subtotal)),
            )
          for (const period of periods)
            expect(billedFees(invoices, period)).toEqual(dueFees(account, id, period, zone))
        },
      ),
      { numRuns: 60 },
    )
  })

  /** What all invoices together bill for a period, by fee and its amount. */
  function billedFees(invoices: Invoice[], { startMs, fullEndMs }: Invoice): Record<string, string> {
    const lines = invoices
      .flatMap((invoice) => invoice.lines)
      .filter((line): line is FeeLine | ProrationLine => line.kind === 'fee' || line.kind === 'proration')
      .filter(({ fromMs }) => startMs <= fromMs && fromMs < fullEndMs)
    return totalsBy(lines.map((line) => [`${line.fee} ${line.feeAmount}`, decimal(line.amount)]))
  }

  /** Day by day: a day belongs to the plan that it ends with, and the last one to the plan that ends with it. */
  function dueFees(
    account: CustomerAccount,
    id: string,
    period: Invoice,
    zone: string,
  ): Record<string, string> {
    const subscription = account.subscriptions.get(id)!
    const firstDay = localDate(zone, period.fullStartMs)
    const parts: [string, Decimal][] = []
    for (let day = 0; day < period.fullDays; day++) {
      const startMs = firstDay.add({ days: day }).toZonedDateTime(zone).epochMilliseconds
      const endMs = firstDay.add({ days: day + 1 }).toZonedDateTime(zone).epochMilliseconds
      if (endMs <= period.startMs || startMs >= period.endMs) continue
      const { plan } = phaseAt(subscription, Math.min(endMs, period.endMs) - 1)
      for (const { key, amount } of fees[Number(plan.slice(1))]!)
        parts.push([
          `${key} ${amount}`,
          proratedAmount(decimal(amount), day, day + 1, period.fullDays, 'USD'),
        ])
    }
    return totalsBy(parts)
  }

  function totalsBy(parts: [string, Decimal][]): Record<string, string> {
    const totals = new Map<string, Decimal>()
    for (const [key, amount] of parts) totals.set(key, (totals.get(key) ?? zero).plus(amount))
    return Object.fromEntries(
      [...totals]
        .filter(([, amount]) => !amount.eq('0'))
        .toSorted(([x], [y]) => (x < y ? -1 : 1))
        .map(([key, amount]) => [key, text(amount)]),
    )
  }
})
