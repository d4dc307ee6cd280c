// A request with an Idempotency-Key whose answer was lost is executed again, with the ids that it had: whatever has happened
// since, it changes nothing, and is answered with what there is.

import { describe, expect, it } from 'vitest'
import { CustomerAccount } from './customer-account.ts'

const price = { model: 'per_unit', unit_amount: '1' }
const opened = () =>
  new CustomerAccount('2026-01-01T00:00Z')
    .plan('pro', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '31' }] })
    .plan('large', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '310' }] })

/** What is there, and how often it was written. */
const there = (account: CustomerAccount) =>
  structuredClone({
    account: account.account(),
    invoices: [...account.all.values()],
    subscriptions: [...account.subscriptions.values()],
    entries: account.entries(),
    grants: account.grants(),
    notes: account.written.flatMap(({ creditNotes }) => creditNotes),
  })

/** Does it, lets things happen, and does it again with the same ids. */
async function twice<Result>(
  account: CustomerAccount,
  request: () => Promise<Result>,
  between: () => unknown = () => {},
): Promise<[first: Result, again: Result]> {
  const ids = () => {
    let n = 0
    return () => `00000000-0000-4000-9000-${String(++n).padStart(12, '0')}`
  }
  const own = account.idsFrom
  account.idsFrom = ids()
  const first = await request()
  account.idsFrom = own
  await between()
  const before = there(account)
  account.idsFrom = ids()
  const again = await request()
  account.idsFrom = own
  expect({ ...there(account), account: 0 }).toEqual({ ...before, account: 0 })
  return [first, again]
}

describe('executed again, a request that', () => {
  it('grants credit grants it once, also when all of it is spent', async () => {
    const account = opened()
    const [, again] = await twice(
      account,
      () => account.grant({ amount: '10' }),
      () => account.subscribe({ plan: 'pro' }),
    )
    expect(again.remaining).toBe('0')
    expect(account.grants()).toHaveLength(1)
  })

  it('voids credit voids it once', async () => {
    const account = opened()
    const { id } = await account.grant({ amount: '10' })
    await twice(account, () => account.voidGrant(id))
  })

  it('subscribes subscribes once, also when the first invoices are issued', async () => {
    const account = opened()
    const [first, again] = await twice(
      account,
      () => account.subscribe({ plan: 'pro' }),
      () => account.closeUntil('2026-03-02T00:00Z'),
    )
    expect(again).toMatchObject({ id: first.id, nextSequence: 4 })
  })

  it('subscribes from a day to come stays taken back, when it was', async () => {
    const account = opened()
    const [first, again] = await twice(
      account,
      () => account.subscribe({ plan: 'pro', start: '2026-02-01T00:00:00Z' }),
      () => account.cancel([...account.subscriptions.keys()][0]!, 'now'),
    )
    expect(again).toMatchObject({ id: first.id, cancelAtMs: first.startMs, dueMs: null })
  })

  it('changes, cancels or reactivates a subscription does it once', async () => {
    const account = opened()
    const { id } = await account.subscribe({ plan: 'pro' })
    account.at('2026-01-11T10:10Z')
    await twice(account, () => account.change(id, { plan: 'large', when: 'now' }))
    await twice(account, () => account.change(id, { plan: 'pro', when: 'period_end' }))
    await twice(account, () => account.cancel(id, 'period_end'))
    await twice(account, () => account.reactivate(id))
    await twice(
      account,
      () => account.cancel(id, 'now'),
      () => account.closeUntil('2026-01-20T00:00Z'),
    )
  })

  it('makes a credit note, or moves an invoice, does it once', async () => {
    const account = opened()
    await account.subscribe({ plan: 'pro' })
    account.closeUntil('2026-02-02T00:00Z')
    const [first, second] = account.invoices()
    await twice(account, () => account.note(first!.id, { amount: '31' }))
    await twice(account, () => account.move(second!.id, 'paid'))
    await twice(account, () => account.note(second!.id, { amount: '31' }))
    account.closeUntil('2026-03-02T00:00Z')
    const third = account.invoices()[2]!
    expect(third.totals).toMatchObject({ amountDue: '0.00', total: '31.00' })
  })

  it('voids an invoice gives its credit back once, also when the next one has drawn on it', async () => {
    const account = opened()
    await account.grant({ amount: '20' })
    await account.subscribe({ plan: 'pro' })
    const [first] = account.invoices()
    await twice(
      account,
      () => account.move(first!.id, 'void'),
      () => account.closeUntil('2026-02-02T00:00Z'),
    )
    expect(account.entries().map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'grant 20.00',
      'draw -20.00',
      'return 20.00',
      'draw -20.00',
    ])
  })
})
