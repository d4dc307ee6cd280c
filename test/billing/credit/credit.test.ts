import { describe, expect, it } from 'vitest'
import { CustomerAccount } from '../customer-account.ts'

/** An invoice of 100.00, of which credit pays `drawn`. */
async function invoiced({ drawn, currency = 'USD' }: { drawn?: string; currency?: string } = {}) {
  const account = new CustomerAccount('2026-01-01T00:00Z').plan(
    'pro',
    { fees: [{ key: 'base', amount: '100' }] },
    currency,
  )
  const grant = drawn === undefined ? null : await account.grant({ amount: drawn, currency })
  await account.subscribe({ plan: 'pro' })
  return { account, grant, id: account.invoices()[0]!.id }
}

const refusal = (pointer: string, detail: string) => ({
  code: 'validation_failed',
  issues: [{ pointer, detail: expect.stringContaining(detail) }],
})

describe('a credit note', () => {
  it('of an invoice that is not paid reduces what is due, and pays it when nothing is left', async () => {
    const { account, id } = await invoiced()
    expect(await account.note(id, { amount: '30' })).toMatchObject({ settlement: 'invoice', number: 1 })
    expect(account.all.get(id)).toMatchObject({
      status: 'issued',
      totals: { total: '100.00', amountDue: '70.00' },
    })
    await expect(account.note(id, { amount: '70.01' })).rejects.toMatchObject(
      refusal('#/amount', 'must be at most 70.00, which is what is due'),
    )
    await account.note(id, { amount: '70' })
    expect(account.all.get(id)).toMatchObject({ status: 'paid', totals: { amountDue: '0.00' } })
  })

  it('of a paid one becomes credit, or is paid back, and never more than is left', async () => {
    const { account, id } = await invoiced()
    await account.move(id, 'paid')
    expect(await account.note(id, { amount: '60' })).toMatchObject({ settlement: 'credit' })
    expect(account.grants().map(({ amount }) => amount)).toEqual(['60.00'])
    await account.note(id, { amount: '30', settlement: 'refund' })
    for (const settlement of ['credit', 'refund'] as const)
      await expect(account.note(id, { amount: '10.01', settlement })).rejects.toMatchObject(
        refusal('#/amount', 'must be at most 10.00'),
      )
    await account.note(id, { amount: '10', settlement: 'refund' })
    await expect(account.note(id, { amount: '0.01' })).rejects.toMatchObject(
      refusal('#/amount', 'must be at most 0.00'),
    )
    expect(account.grants()).toHaveLength(1)
  })

  it('pays back no more than was paid: what credit paid can only become credit again', async () => {
    const { account, id } = await invoiced({ drawn: '60' })
    await account.move(id, 'paid')
    await expect(account.note(id, { amount: '40.01', settlement: 'refund' })).rejects.toMatchObject(
      refusal('#/amount', 'must be at most 40.00, which is what is left of what was paid'),
    )
    await account.note(id, { amount: '25', settlement: 'refund' })
    await account.note(id, { amount: '60', settlement: 'credit' })
    await expect(account.note(id, { amount: '15.01', settlement: 'refund' })).rejects.toMatchObject(
      refusal('#/amount', 'must be at most 15.00'),
    )
  })

  it('is settled as fits the invoice', async () => {
    const { account, id } = await invoiced()
    for (const settlement of ['credit', 'refund'] as const)
      await expect(account.note(id, { amount: '1', settlement })).rejects.toMatchObject(
        refusal('#/settlement', 'must be "invoice"'),
      )
    await account.move(id, 'paid')
    await expect(account.note(id, { amount: '1', settlement: 'invoice' })).rejects.toMatchObject(
      refusal('#/settlement', 'must be "credit" or "refund"'),
    )
  })

  it('is in whole minor units', async () => {
    const { account, id } = await invoiced({ currency: 'JPY' })
    await expect(account.note(id, { amount: '1.5' })).rejects.toMatchObject(
      refusal('#/amount', 'must have at most 0 decimals in JPY'),
    )
  })

  it('is of no draft, and of no void invoice', async () => {
    const { account, id } = await invoiced()
    await account.move(id, 'void')
    const draft = [...account.all.values()].find(({ status }) => status === 'draft')!
    for (const invoice of [id, draft.id])
      await expect(account.note(invoice, { amount: '1' })).rejects.toMatchObject({ code: 'state_conflict' })
  })

  it('of an uncollectible invoice leaves it that', async () => {
    const { account, id } = await invoiced()
    await account.move(id, 'uncollectible')
    await account.note(id, { amount: '100' })
    expect(account.all.get(id)).toMatchObject({ status: 'uncollectible', totals: { amountDue: '0.00' } })
  })
})

describe('a grant', () => {
  it('that is voided is not drawn on; what was drawn stays drawn', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', {
      fees: [{ key: 'base', amount: '7' }],
    })
    const grant = await account.grant({ amount: '10' })
    await account.subscribe({ plan: 'pro' })
    expect(await account.voidGrant(grant.id)).toMatchObject({ remaining: '0' })
    expect(await account.voidGrant(grant.id)).toMatchObject({ remaining: '0' })
    account.closeUntil('2026-02-02T00:00Z')
    expect(account.invoices().map(({ totals }) => totals!.amountDue)).toEqual(['0.00', '7.00'])
    expect(account.entries().map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'grant 10.00',
      'draw -7.00',
      'void -3.00',
    ])
  })

  it('is in the customer’s currency, in whole minor units, and expires in the future', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z')
    await account.grant({ amount: '1' })
    await expect(account.grant({ amount: '1', currency: 'EUR' })).rejects.toMatchObject(
      refusal('#/currency', 'must be USD'),
    )
    await expect(account.grant({ amount: '1.001' })).rejects.toMatchObject(
      refusal('#/amount', 'must have at most 2 decimals in USD'),
    )
    await expect(account.grant({ amount: '1', expires_at: '2026-01-01T00:00:00Z' })).rejects.toMatchObject(
      refusal('#/expires_at', 'must be in the future'),
    )
  })
})
