import { describe, expect, it } from 'vitest'
import { LINES_PER_INVOICE, LINES_PER_PERIOD } from '../../../src/billing/invoices/invoice.ts'
import { usageFor } from '../../../src/billing/invoices/usage-reader.ts'
import { planInputSchema } from '../../../src/billing/plan.ts'
import { PARTS_PER_PLAN } from '../../../src/billing/terms.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { ROWS_PER_READ } from '../../../src/metering/limits.ts'
import type { UsageSpan } from '../../../src/metering/ports.ts'
import { CustomerAccount, meter } from '../customer-account.ts'

const price = (unit_amount: string) => ({ model: 'per_unit', unit_amount })
const keys = Array.from({ length: 10 }, (_, i) => `m${i}`)
/** Ten meters, each with a price and 99 of groups. */
const prices = (unit_amount: string) =>
  keys.map((key) => ({
    meter: key,
    price: price(unit_amount),
    groups: Array.from({ length: 99 }, (_, i) => ({ match: { model: `${i}` }, price: price(unit_amount) })),
  }))
const account = (interval: string) =>
  ['1', '2', '3'].reduce(
    (all, amount) => all.plan(`at-${amount}`, { prices: prices(amount), interval }),
    new CustomerAccount('2026-01-01T00:00Z', { meters: keys.map((key) => meter(key, 'sum', ['model'])) }),
  )

describe('a plan', () => {
  it('is refused where its prices and group prices would be too many lines, and told how many there may be', () => {
    const plan = { key: 'pro', currency: 'USD', prices: prices('1') }
    expect(planInputSchema.safeParse(plan).success).toBe(true)
    const more = { ...plan, prices: [...plan.prices, { meter: 'more', price: price('1') }] }
    expect(planInputSchema.safeParse(more).error?.issues).toMatchObject([
      {
        path: ['prices'],
        message: `must have at most ${PARTS_PER_PLAN} prices and group prices together, as each is a line of an invoice: these have 1001`,
      },
    ])
  })
})

describe('a change of plan', () => {
  it('is refused where the period would have too many lines, and taken at its end', async () => {
    const alice = account('month')
    const { id } = await alice.subscribe({ plan: 'at-1' })
    await alice.at('2026-01-02T00:00Z').change(id, { plan: 'at-2', when: 'now' })
    await expect(
      alice.at('2026-01-03T00:00Z').change(id, { plan: 'at-3', when: 'now' }),
    ).rejects.toMatchObject({
      code: 'validation_failed',
      issues: [
        {
          pointer: '#/plan',
          detail: expect.stringMatching(
            `at most ${LINES_PER_PERIOD} lines on its invoice: it would have up to 3000.*"when": "period_end"`,
          ),
        },
      ],
    })
    await alice.change(id, { plan: 'at-3', when: 'period_end' })
    await alice.at('2026-02-02T00:00Z').change(id, { plan: 'at-1', when: 'now' })
    alice.closeUntil('2026-03-02T00:00Z')
    expect(alice.invoices(id).map(({ lines }) => lines.length)).toEqual([2000, 2000])
  })

  it('within a trial makes no lines, however often', async () => {
    const alice = account('month')
    const { id } = await alice.subscribe({ plan: 'at-1', trial_days: 30 })
    for (const plan of ['at-2', 'at-3', 'at-1', 'at-2']) {
      await alice.at(alice.nowMs + 86_400_000).change(id, { plan, when: 'now' })
    }
    expect(alice.subscriptions.get(id)!.phases).toHaveLength(5)
  })
})

describe('late usage of more lines than an invoice has room for', () => {
  it('is billed by those that follow, once, also after the subscription’s end; none is too long', async () => {
    const alice = account('week')
    const { id } = await alice.subscribe({ plan: 'at-1' })
    // 2,000 lines a week, of which half are used late.
    const weeks = [0, 1, 2].map((week) => Date.UTC(2026, 0, 6 + 7 * week))
    for (const [week, atMs] of weeks.entries()) {
      await alice.closeUntil(atMs).change(id, { plan: `at-${(week % 2) + 2}`, when: 'now' })
    }
    alice.closeUntil('2026-01-27T00:00Z')
    for (const atMs of weeks) {
      for (const key of keys) {
        for (let i = 0; i < 100; i++) alice.use('1', atMs, { meter: key, groups: { model: `${i}` } })
      }
    }
    await alice.cancel(id, 'now')
    alice.closeUntil('2026-06-01T00:00Z')
    const invoices = alice.invoices(id)
    expect(invoices.map(({ kind, lines }) => `${kind} ${lines.length}`)).toEqual([
      'period 1000',
      'period 2000',
      'period 2000',
      'period 2000',
      'period 1000',
      'trailing 1000',
      'trailing 1000',
      'trailing 1000',
    ])
    expect(invoices.every(({ lines }) => lines.length <= LINES_PER_INVOICE)).toBe(true)
    const billed = invoices.flatMap(({ lines }) => lines.map(({ amount }) => decimal(amount)))
    expect(sum(billed).toFixed()).toBe('7000')
    expect(invoices.every(({ usageFinal }) => usageFinal)).toBe(true)
    expect(alice.subscriptions.get(id)!.dueMs).toBeNull()
  })
})

describe('the usage of one account', () => {
  const config = {
    tenantId: 't',
    timezone: 'UTC',
    currency: 'USD',
    unmetered: 'refuse' as const,
    dedupeWindowHours: null,
    version: 1,
    revisions: [],
    meters: [meter('m0', 'sum', ['model'])],
  }
  const spans = Array.from({ length: 300 }, (_, i) => ({
    meter: 'm0',
    fromMs: i * 3_600_000,
    toMs: (i + 1) * 3_600_000,
    matches: Array.from({ length: 99 }, (_, n) => ({ model: `${n}` })),
  }))
  /** Every part of every span was used, and before it, too. */
  const services = (reads: number[]) => ({
    configs: { forget: () => {}, load: async () => config, reload: async () => config },
    counters: { readLive: async () => ({ configVersion: 1, counters: [] }) },
    usage: {
      spanTotals: async (_: string, asked: UsageSpan[]) => {
        const rows = asked.flatMap((one, span) =>
          [...one.parts.map((_, part) => part), null].flatMap((part) =>
            [true, false].map((before) => {
              const all = { merge: 'sum' as const, a: '1', b: '1' }
              return { span, part, before, all, settled: all }
            }),
          ),
        )
        reads.push(rows.length)
        return rows
      },
    },
  })
  const read = (reads: number[], customers: string[]) =>
    usageFor(
      services(reads) as never,
      config,
      customers.map((customerId) => ({ customerId, spans })),
    )

  it('is read in as many pieces as it takes, so that no account is too large to be closed', async () => {
    const reads: number[] = []
    const usage = await read(reads, ['alice'])
    expect([reads.length, Math.max(...reads) <= ROWS_PER_READ]).toEqual([3, true])
    for (const span of spans) expect(usage.of('alice')(span)).toHaveLength(100)
  })

  it('of several is read at once, or refused: then half of them may do', async () => {
    await expect(read([], ['alice', 'bob'])).rejects.toMatchObject({ code: 'too_many_counters' })
  })
})
