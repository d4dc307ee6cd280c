// Actors: credit is granted and taken back; invoices are paid, written off, voided and noted.

import fc from 'fast-check'
import { createCreditNote } from '../../../../src/billing/credit/create-credit-note.ts'
import { grantCredit, voidGrant } from '../../../../src/billing/credit/grant-credit.ts'
import type { Invoice } from '../../../../src/billing/invoices/invoice.ts'
import { moveInvoice } from '../../../../src/billing/invoices/move-invoice.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { smoothly } from '../../stage.ts'
import { isBilled, isIssued, readBooks } from '../books.ts'
import { DAY_MS } from '../calendar.ts'
import type { Year } from '../year.ts'
import { ask } from './command.ts'

const whereOf = { isolate: some, tenant: some, pace }

const granted = fc.record({
  ...whereOf,
  customer: some,
  amount: fc.constantFrom('5', '20', '300'),
  priority: fc.constantFrom(0, 50, 50),
  expiresInDays: fc.constantFrom(null, 3, 40, 100),
})

export const grant: Operation<Drawn<typeof granted>, Year> = {
  name: 'grant',
  weight: 4,
  arbitrary: granted,
  async run(year, input) {
    const { expiresInDays: days, amount, priority } = input
    const sent = {
      customer_id: year.customer(input.customer),
      name: 'Prepaid',
      amount,
      currency: year.setup.currency,
      priority,
      expires_at: days === null ? undefined : new Date(year.time.nowMs + days * DAY_MS).toISOString(),
    }
    await ask(year, 'grant', input, ({ services, caller }) => grantCredit(services, caller, sent))
  },
}

const which = fc.record({ ...whereOf, which: some })

export const takeBack: Operation<Drawn<typeof which>, Year> = {
  name: 'void-grant',
  weight: 2,
  arbitrary: which,
  async run(year, input) {
    const { grants } = await readBooks(year.postgres, year.tenant(input.tenant).id)
    if (grants.length === 0) return
    const { id } = grants[input.which % grants.length]!
    await ask(year, 'void grant', input, ({ services, caller }) => voidGrant(services, caller, { id }))
  },
}

/** What gives back what was billed in advance before can't be. */
const mayBeVoided = ({ kind, lines }: Invoice): boolean =>
  kind !== 'period' || !lines.some((line) => line.kind === 'proration' && Number(line.amount) < 0)

type Which = 'any' | 'with more to give back'

/** Mostly one that is open still; and where that matters, one that adjusts others or draws on credit. */
async function anIssued(year: Year, tenant: number, n: number, which: Which): Promise<string | null> {
  const { invoices } = await readBooks(year.postgres, year.tenant(tenant).id)
  const issued = invoices.filter(isIssued)
  const open = issued.filter(({ status }) => status === 'issued')
  const voidable = open.filter(mayBeVoided)
  const adjusting = voidable.filter(({ lines }) => lines.some(({ kind }) => kind === 'adjustment'))
  const drawing = voidable.filter(({ totals }) => totals!.credits.length > 0)
  const wanted = which === 'any' ? [open, issued] : [adjusting, drawing, adjusting, drawing, open]
  const some = [wanted[n % wanted.length]!, open, issued].find((one) => one.length > 0)
  return some === undefined ? null : some[n % some.length]!.id
}

const moved = fc.record({
  ...whereOf,
  which: some,
  to: fc.constantFrom('paid' as const, 'void' as const, 'void' as const, 'uncollectible' as const),
})

export const move: Operation<Drawn<typeof moved>, Year> = {
  name: 'move',
  weight: 6,
  arbitrary: moved,
  async run(year, input) {
    const id = await anIssued(
      year,
      input.tenant,
      input.which,
      input.to === 'void' ? 'with more to give back' : 'any',
    )
    if (id === null) return
    await ask(year, input.to, input, ({ services, caller }) =>
      moveInvoice(services, caller, { id, to: input.to }),
    )
  },
}

/** Of each tenant, the last invoice that adjusts others and the last that draws on credit: nothing later corrects them, mostly. */
export async function voidedInCalm(year: Year): Promise<void> {
  for (const { id: tenantId, number: tenant } of year.tenants) {
    const { invoices } = await readBooks(year.postgres, tenantId)
    const open = invoices.filter((one) => one.status === 'issued' && mayBeVoided(one))
    const adjusting = open.findLast(({ lines }) => lines.some(({ kind }) => kind === 'adjustment'))
    const drawing = open.findLast(({ totals }) => totals!.credits.length > 0)
    for (const id of new Set([adjusting, drawing].flatMap((one) => (one ? [one.id] : [])))) {
      await ask(year, 'void', { isolate: 0, tenant, pace: smoothly }, ({ services, caller }) =>
        moveInvoice(services, caller, { id, to: 'void' }),
      )
      year.check()
    }
  }
}

const noted = fc.record({
  ...whereOf,
  which: some,
  by: fc.constantFrom('amount' as const, 'line' as const, 'lines' as const),
  amount: fc.constantFrom('1', '7', '60'),
  quantity: fc.constantFrom(undefined, '1', '3'),
  settlement: fc.constantFrom(undefined, 'credit' as const, 'refund' as const),
  again: fc.boolean(),
})

/** Notes have to add up: every other one is of an invoice that has some already. */
async function aNoted(year: Year, tenant: number, n: number): Promise<string | null> {
  const { invoices, notes } = await readBooks(year.postgres, year.tenant(tenant).id)
  const noted = invoices.filter((one) => isBilled(one) && notes.some(({ invoiceId }) => invoiceId === one.id))
  return noted.length === 0 ? null : noted[n % noted.length]!.id
}

export const note: Operation<Drawn<typeof noted>, Year> = {
  name: 'credit-note',
  weight: 4,
  arbitrary: noted,
  async run(year, input) {
    const { tenant, which, by, amount, quantity, settlement, again } = input
    const noted = again ? await aNoted(year, tenant, which) : null
    const invoiceId = noted ?? (await anIssued(year, tenant, which, 'any'))
    if (invoiceId === null) return
    const { invoices } = await readBooks(year.postgres, year.tenant(tenant).id)
    const { lines } = invoices.find(({ id }) => id === invoiceId)!
    const billing = lines.flatMap((line, i) => (Number(line.amount) > 0 ? [{ line: i + 1 }] : []))
    if (by !== 'amount' && billing.length === 0) return
    const one = {
      ...billing[which % billing.length]!,
      ...(quantity === undefined ? { amount } : { quantity }),
    }
    const what = by === 'amount' ? { amount } : { lines: by === 'line' ? [one] : billing }
    await ask(year, 'note', input, ({ services, caller }) =>
      createCreditNote(services, caller, { invoiceId, input: { ...what, reason: 'Outage', settlement } }),
    )
  },
}
