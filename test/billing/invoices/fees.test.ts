import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { CustomerAccount } from '../customer-account.ts'

const fee = (amount: string, due = 'advance', key = 'base') => ({ key, amount, due })

/** Of each line of fees: what it is, which days of the full period, and how much. */
const fees = ({ lines }: Invoice) =>
  lines.flatMap((line) =>
    line.kind === 'fee' || line.kind === 'proration'
      ? [
          `${line.kind === 'fee' ? line.due : 'proration'} ${line.plan} ${line.feeAmount} [${line.fromDay}, ${line.toDay}) of ${line.ofDays}: ${line.amount}`,
        ]
      : [],
  )

const plans = (now: string, more: ConstructorParameters<typeof CustomerAccount>[1] = {}) =>
  new CustomerAccount(now, more)
    .plan('small', { fees: [fee('31')] })
    .plan('large', { fees: [fee('310')] })
    .plan('arrears', { fees: [fee('62', 'arrears')] })
    .plan('none', {})

/** The invoices' fees, issued up to the end of the month after the start. */
async function story(
  plan: string,
  start: string,
  until: string,
  steps: [at: string, what: string][],
  account = plans(start),
) {
  const { id } = await account.at(start).subscribe({ plan })
  for (const [at, what] of steps) {
    account.closeUntil(at)
    if (what === 'cancel' || what === 'cancel at period end')
      await account.cancel(id, what === 'cancel' ? 'now' : 'period_end')
    else if (what === 'reactivate') await account.reactivate(id)
    else if (what.startsWith('then '))
      await account.change(id, { plan: what.slice('then '.length), when: 'period_end' })
    else await account.change(id, { plan: what, when: 'now' })
  }
  return account.closeUntil(until).invoices(id).map(fees)
}

describe('fees of a period', () => {
  it('are billed in advance by the invoice before, in arrears by the period’s own', async () => {
    expect(await story('small', '2026-01-01T00:00Z', '2026-02-02T00:00Z', [])).toEqual([
      ['advance small 31 [0, 31) of 31: 31.00'],
      ['advance small 31 [0, 28) of 28: 31.00'],
    ])
    expect(await story('arrears', '2026-01-01T00:00Z', '2026-02-02T00:00Z', [])).toEqual([
      ['arrears arrears 62 [0, 31) of 31: 62.00'],
    ])
  })

  it('are for the days of a first period that the calendar cuts: 17 of 31', async () => {
    expect(await story('small', '2026-01-15T14:00Z', '2026-02-02T00:00Z', [])).toEqual([
      ['advance small 31 [14, 31) of 31: 17.00'],
      ['advance small 31 [0, 28) of 28: 31.00'],
    ])
    expect(await story('arrears', '2026-01-15T14:00Z', '2026-02-02T00:00Z', [])).toEqual([
      ['arrears arrears 62 [14, 31) of 31: 34.00'],
    ])
  })

  it('are whole where periods are counted from the day of the start', async () => {
    const account = plans('2026-01-31T14:20Z')
    const { id } = await account.subscribe({ plan: 'small', anchor: 'anniversary' })
    expect(account.closeUntil('2026-03-31T01:00Z').invoices(id).map(fees)).toEqual([
      ['advance small 31 [0, 28) of 28: 31.00'],
      ['advance small 31 [0, 31) of 31: 31.00'],
      ['advance small 31 [0, 30) of 30: 31.00'],
    ])
  })

  it('come in the currency’s own minor units, and add up to the fee', async () => {
    for (const [currency, whole, part, rest] of [
      ['JPY', '1000', '548', '452'],
      ['KWD', '10', '5.484', '4.516'],
    ] as const) {
      const account = new CustomerAccount('2026-01-01T00:00Z')
        .plan('a', { fees: [fee(whole)] }, currency)
        .plan('b', { fees: [] }, currency)
      const { id } = await account.subscribe({ plan: 'a' })
      await account.at('2026-01-18T09:00Z').change(id, { plan: 'b', when: 'now' })
      const [, january] = account.closeUntil('2026-02-01T02:00Z').invoices(id)
      expect(january!.totals!.creditGranted).toBe(rest)
      expect(decimal(whole).minus(rest).eq(part)).toBe(true)
    }
  })
})

describe('a change now', () => {
  const [small, large] = ['advance small 31 [0, 31) of 31: 31.00', 'advance large 310 [0, 31) of 31: 310.00']
  const next = (plan: string, amount: string) => `advance ${plan} ${amount} [0, 28) of 28: ${amount}.00`

  it.each<[string, string, [string, string][], string[][]]>([
    [
      'up in mid-period takes back what is left of the old fee, and adds the new one',
      'small',
      [['2026-01-11T10:30Z', 'large']],
      [
        [small],
        [
          'proration small 31 [10, 31) of 31: -21.00',
          'proration large 310 [10, 31) of 31: 210.00',
          next('large', '310'),
        ],
      ],
    ],
    [
      'down in mid-period likewise',
      'large',
      [['2026-01-11T10:30Z', 'small']],
      [
        [large],
        [
          'proration large 310 [10, 31) of 31: -210.00',
          'proration small 31 [10, 31) of 31: 21.00',
          next('small', '31'),
        ],
      ],
    ],
    [
      'up, and back again, bills the days between',
      'small',
      [
        ['2026-01-11T10:30Z', 'large'],
        ['2026-01-21T08:00Z', 'small'],
      ],
      [
        [small],
        [
          'proration small 31 [10, 20) of 31: -10.00',
          'proration large 310 [10, 20) of 31: 100.00',
          next('small', '31'),
        ],
      ],
    ],
    [
      'up, and back again on the same day, costs nothing',
      'small',
      [
        ['2026-01-11T10:30Z', 'large'],
        ['2026-01-11T18:00Z', 'small'],
      ],
      [[small], [next('small', '31')]],
    ],
    [
      'and back again on the same day leaves arrears one line',
      'arrears',
      [
        ['2026-01-11T10:30Z', 'none'],
        ['2026-01-11T18:00Z', 'arrears'],
      ],
      [['arrears arrears 62 [0, 31) of 31: 62.00']],
    ],
    [
      'twice in one hour is the second one',
      'small',
      [
        ['2026-01-11T10:10Z', 'none'],
        ['2026-01-11T10:50Z', 'large'],
      ],
      [
        [small],
        [
          'proration small 31 [10, 31) of 31: -21.00',
          'proration large 310 [10, 31) of 31: 210.00',
          next('large', '310'),
        ],
      ],
    ],
    [
      'on the first day replaces the whole fee',
      'small',
      [['2026-01-01T05:00Z', 'large']],
      [
        [small],
        [
          'proration small 31 [0, 31) of 31: -31.00',
          'proration large 310 [0, 31) of 31: 310.00',
          next('large', '310'),
        ],
      ],
    ],
    [
      'on the last day is for that day',
      'small',
      [['2026-01-31T23:59Z', 'large']],
      [
        [small],
        [
          'proration small 31 [30, 31) of 31: -1.00',
          'proration large 310 [30, 31) of 31: 10.00',
          next('large', '310'),
        ],
      ],
    ],
    [
      'to arrears gives back what is left, and bills its days at the end',
      'small',
      [['2026-01-11T10:30Z', 'arrears']],
      [[small], ['arrears arrears 62 [10, 31) of 31: 42.00', 'proration small 31 [10, 31) of 31: -21.00']],
    ],
    [
      'from a plan without fees adds its days',
      'none',
      [['2026-01-11T10:30Z', 'small']],
      [['proration small 31 [10, 31) of 31: 21.00', next('small', '31')]],
    ],
    [
      'in the grace of the period before is for the new period',
      'small',
      [['2026-02-01T00:40Z', 'large']],
      [[small], [next('large', '310')]],
    ],
    [
      'at the period’s end changes nothing of the period',
      'small',
      [['2026-01-11T10:30Z', 'then large']],
      [[small], [next('large', '310')]],
    ],
    [
      'replaces one that was to come at the period’s end',
      'small',
      [
        ['2026-01-11T10:30Z', 'then large'],
        ['2026-01-21T10:30Z', 'none'],
      ],
      [[small], ['proration small 31 [20, 31) of 31: -11.00']],
    ],
  ])('%s', async (_, plan, steps, expected) => {
    expect(await story(plan, '2026-01-01T00:00Z', '2026-02-02T00:00Z', steps)).toEqual(expected)
  })

  it('cuts a day in the tenant’s own zone, over a change of the clocks too', async () => {
    const account = plans('2026-03-01T00:00Z', { timezone: 'Europe/Berlin' })
    const lines = await story(
      'small',
      '2026-03-01T00:00Z',
      '2026-04-02T00:00Z',
      [['2026-03-28T23:30Z', 'large']],
      account,
    )
    expect(lines[1]!.slice(0, 2)).toEqual([
      'proration small 31 [28, 31) of 31: -3.00',
      'proration large 310 [28, 31) of 31: 30.00',
    ])
  })

  it('divides nothing where another plan has the same fee', async () => {
    const account = plans('2026-01-01T00:00Z').plan('other', {
      fees: [fee('31'), fee('5', 'advance', 'extra')],
    })
    const steps: [string, string][] = [['2026-01-11T10:30Z', 'other']]
    const lines = await story('small', '2026-01-01T00:00Z', '2026-02-02T00:00Z', steps, account)
    expect(lines[1]!.filter((line) => line.startsWith('proration'))).toEqual([
      'proration other 5 [10, 31) of 31: 3.39',
    ])
  })
})

describe('a cancellation', () => {
  const small = 'advance small 31 [0, 31) of 31: 31.00'
  it.each<[string, string, [string, string][], string[][]]>([
    [
      'now takes back the days after this one',
      'small',
      [['2026-01-11T10:30Z', 'cancel']],
      [[small], ['proration small 31 [11, 31) of 31: -20.00']],
    ],
    [
      'on the first day leaves one day',
      'small',
      [['2026-01-01T00:10Z', 'cancel']],
      [[small], ['proration small 31 [1, 31) of 31: -30.00']],
    ],
    ['on the last day takes nothing back', 'small', [['2026-01-31T10:00Z', 'cancel']], [[small], []]],
    [
      'now bills arrears for the days that were used',
      'arrears',
      [['2026-01-11T10:30Z', 'cancel']],
      [['arrears arrears 62 [0, 11) of 31: 22.00']],
    ],
    [
      'at the period’s end bills no further period',
      'small',
      [['2026-01-11T10:30Z', 'cancel at period end']],
      [[small], []],
    ],
    [
      'at the period’s end, then now, is now',
      'small',
      [
        ['2026-01-11T10:30Z', 'cancel at period end'],
        ['2026-01-21T10:30Z', 'cancel'],
      ],
      [[small], ['proration small 31 [21, 31) of 31: -10.00']],
    ],
    [
      'now, then at the period’s end, stays as it is',
      'small',
      [
        ['2026-01-11T10:10Z', 'cancel'],
        ['2026-01-11T10:20Z', 'cancel at period end'],
      ],
      [[small], ['proration small 31 [11, 31) of 31: -20.00']],
    ],
    [
      'that is taken back changes nothing',
      'small',
      [
        ['2026-01-11T10:10Z', 'cancel'],
        ['2026-01-11T10:20Z', 'reactivate'],
      ],
      [[small], ['advance small 31 [0, 28) of 28: 31.00']],
    ],
    [
      'takes a change at the period’s end with it, also when it is taken back',
      'small',
      [
        ['2026-01-05T00:00Z', 'then large'],
        ['2026-01-11T10:10Z', 'cancel at period end'],
        ['2026-01-12T10:20Z', 'reactivate'],
      ],
      [[small], ['advance small 31 [0, 28) of 28: 31.00']],
    ],
    [
      'in the grace of the period before bills a day of the new one',
      'small',
      [['2026-02-01T00:30Z', 'cancel']],
      [[small], ['advance small 31 [0, 1) of 28: 1.11'], []],
    ],
    [
      'at the period’s end, in the grace of the period before, is at the end of the new one',
      'small',
      [['2026-02-01T00:30Z', 'cancel at period end']],
      [[small], ['advance small 31 [0, 28) of 28: 31.00']],
    ],
    [
      'after a change on the same day ends that day with the later plan',
      'small',
      [
        ['2026-01-11T10:10Z', 'large'],
        ['2026-01-11T15:10Z', 'cancel'],
      ],
      [[small], ['proration small 31 [10, 31) of 31: -21.00', 'proration large 310 [10, 11) of 31: 10.00']],
    ],
  ])('%s', async (_, plan, steps, expected) => {
    expect(await story(plan, '2026-01-01T00:00Z', '2026-02-02T00:00Z', steps)).toEqual(expected)
  })

  it('that is taken back after its days were billed in advance bills the others at the end', async () => {
    const account = plans('2026-01-01T00:00Z', { graceMs: 600_000 })
    const steps: [string, string][] = [
      ['2026-02-01T00:05Z', 'cancel'],
      ['2026-02-01T00:30Z', 'reactivate'],
    ]
    const lines = await story('small', '2026-01-01T00:00Z', '2026-03-01T01:00Z', steps, account)
    expect(lines.slice(1)).toEqual([
      ['advance small 31 [0, 1) of 28: 1.11'],
      ['proration small 31 [1, 28) of 28: 29.89', 'advance small 31 [0, 31) of 31: 31.00'],
    ])
  })
})

describe('what is taken back and what is added', () => {
  it('add up to the price of what was used, whatever the amounts', async () => {
    for (const [from, to, day] of [
      ['10', '33.33', '04'],
      ['99.99', '0.01', '17'],
      ['7', '19', '30'],
    ] as const) {
      const account = new CustomerAccount('2026-01-01T00:00Z')
        .plan('from', { fees: [fee(from)] })
        .plan('to', { fees: [fee(to)] })
        .plan('back', { fees: [fee(from)] })
      const steps: [string, string][] = [[`2026-01-${day}T10:00Z`, 'to']]
      const lines = await story('from', '2026-01-01T00:00Z', '2026-02-02T00:00Z', steps, account)
      const days = Number(day) - 1
      const used = new CustomerAccount('2026-01-01T00:00Z')
        .plan('from', { fees: [fee(from, 'arrears')] })
        .plan('to', {
          fees: [fee(to, 'arrears')],
        })
      const expected = await story('from', '2026-01-01T00:00Z', '2026-02-02T00:00Z', steps, used)
      expect([days, total(lines.flat().filter((line) => /of 31/.test(line)))]).toEqual([
        days,
        total(expected.flat()),
      ])
    }
  })
})

const total = (lines: string[]): string =>
  sum(lines.map((line) => decimal(line.slice(line.lastIndexOf(' ') + 1)))).toFixed()
