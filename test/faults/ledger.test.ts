// The ledger must be able to fail: what it has to notice, one row a case.

import { describe, expect, it } from 'vitest'
import { Random } from '../fuzz/random.ts'
import { amountOf, ONE, quotient, textOf } from './amount.ts'
import { Ledger, type LedgerEvent } from './ledger.ts'
import { type Logged, quantitiesOf, wrongInLog } from './logged.ts'
import { periodAround, Workload } from './workload.ts'

const period = periodAround(Date.now())

/** A customer with three events in digits of their own: two acknowledged, the last one only sent. */
function world() {
  const ledger = new Ledger(period)
  const workload = new Workload(ledger, new Random('ledger'), 'event')
  const events: LedgerEvent[] = []
  while (events.length < 3) {
    const event = workload.next()
    if (event.digit !== null) events.push(event)
  }
  for (const event of events) ledger.sending(event)
  for (const event of events.slice(0, 2)) ledger.answered(event, 'accepted')
  return { ledger, events }
}

/** What a right bill of these events shows. */
function billOf(events: LedgerEvent[]): Map<string, string> {
  const lengthMs = BigInt(period.endMs - period.startMs)
  const level = events.reduce((sum, { change, atMs }) => sum + change * BigInt(period.endMs - atMs), 0n)
  return new Map([
    ['units', textOf(events.reduce((sum, { units }) => sum + units, 0n))],
    ['calls', String(events.length)],
    ['users', String(new Set(events.map(({ user }) => user)).size)],
    ['peak', textOf(events.reduce((max, { peak }) => (peak > max ? peak : max), 0n))],
    ['level', textOf(quotient(level, lengthMs))],
  ])
}

function wrong(shown: Map<string, string>, { ledger, events }: ReturnType<typeof world>): string[] {
  const now = ledger.moment()
  return ledger.wrong(events[0]!.customer, shown, now, now)
}

describe('the ledger', () => {
  it('takes a bill with what was acknowledged, with or without what nobody knows of', () => {
    const made = world()
    expect(wrong(billOf(made.events.slice(0, 2)), made)).toEqual([])
    expect(wrong(billOf(made.events), made)).toEqual([])
  })

  it('names an event that is missing, and one that is there twice', () => {
    const made = world()
    const [first, second, third] = made.events as [LedgerEvent, LedgerEvent, LedgerEvent]
    expect(wrong(billOf([first, third]), made)).toContain(
      `${second.content.id} was acknowledged, but is not in the bill`,
    )
    expect(wrong(billOf([first, second, second]), made)).toContain(
      `${second.content.id} is in the bill 2 times`,
    )
  })

  it.each([
    ['units', 1n],
    ['calls', ONE],
    ['users', 5n * ONE],
    ['peak', 2_000n * ONE],
    ['level', 2_000n * ONE],
  ])('notices wrong %s', (meter, by) => {
    const made = world()
    const bill = billOf(made.events)
    bill.set(meter, textOf(amountOf(bill.get(meter)!) + by))
    expect(wrong(bill, made).join('\n')).toContain(`, ${meter}: `)
  })

  it('notices a second acceptance, and a conflict where there is none', () => {
    const { ledger, events } = world()
    expect(ledger.answered(events[0]!, 'duplicate')).toBeNull()
    expect(ledger.answered(events[0]!, 'accepted')).toContain('was accepted 2 times')
    expect(ledger.answered(events[2]!, 'conflict')).toContain('was answered conflict')
  })
})

describe('the log, read', () => {
  /** What a right log says of these events. */
  const logOf = (events: LedgerEvent[]): Logged[] =>
    events.map(({ content, units, peak, user, change, atMs }, i) => ({
      id: content.id,
      customer_id: content.customer_id as string,
      resource_type: content.resource_type as string,
      quantity: content.quantity as string,
      timestamp: (content.timestamp as string | undefined) ?? new Date(atMs).toISOString(),
      received_at: `2026-10-22T00:00:00.${String(i).padStart(6, '0')}Z`,
      properties: content.properties as Record<string, unknown>,
      meters: [
        ['units', textOf(units)],
        ['calls', '1'],
        ['users', user],
        ['peak', textOf(peak)],
        ['level', textOf(change)],
      ].map(([key, value]) => ({ key: key!, value: value! })),
    }))

  const wrongLog = (shown: Logged[], { ledger, events }: ReturnType<typeof world>) =>
    wrongInLog(shown, { sent: events, began: ledger.moment(), order: 'asc' })

  it('may hold what nobody knows of, and comes to what is billed', () => {
    const made = world()
    expect(wrongLog(logOf(made.events.slice(0, 2)), made)).toEqual([])
    expect(wrongLog(logOf(made.events), made)).toEqual([])
    expect(quantitiesOf(logOf(made.events), period)).toEqual(billOf(made.events))
  })

  it('must have what was acknowledged, once, as it was sent, in order, and nothing else', () => {
    const made = world()
    const [first, second, third] = logOf(made.events) as [Logged, Logged, Logged]
    const { id } = second
    expect(wrongLog([first, third], made)).toEqual([`${id} was acknowledged, but is not in the log`])
    expect(wrongLog([first, second, second], made)).toEqual([
      `${id} is in the log 2 times, received at ${second.received_at}`,
    ])
    expect(wrongLog([first, second, { ...third, id: 'x' }], made)).toEqual([
      'x is in the log, and was never sent',
    ])
    expect(wrongLog([second, first], made)).toEqual(['the log is not in order (asc)'])
    for (const other of [
      { quantity: '0.5' },
      { customer_id: 'x' },
      { properties: {} },
      { timestamp: '2026-10-22T00:00:00.001Z' },
    ]) {
      const wrong = wrongLog([first, { ...second, ...other }], made)
      // Without a timestamp it happened when it arrived, whenever that was.
      const any = 'timestamp' in other && made.events[1]!.content.timestamp === undefined
      expect(wrong).toEqual(any ? [] : [expect.stringContaining(`${id} is in the log as {`)])
    }
  })
})
