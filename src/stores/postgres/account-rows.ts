// An account, from the JSON that its statement makes.

import type { Account } from '../../billing/account.ts'
import { couponFromRow } from './rows.ts'

type Read = Omit<Account, 'coupons' | 'customer'> & {
  asked: Account['invoices']
  recounted: Account['invoices']
  coupons: Record<string, unknown>[]
  customer: Account['customer'] | null
}

export function accountFrom({ account }: { account: string }): Account {
  const { asked, recounted, ...read } = JSON.parse(account) as Read
  return {
    ...read,
    invoices: [
      ...read.invoices,
      ...asked,
      ...recounted.filter(({ id }) => !asked.some((one) => one.id === id)),
    ],
    coupons: read.coupons.map(couponFromRow),
    customer: read.customer ?? { name: null, email: null, taxRates: [] },
  }
}
