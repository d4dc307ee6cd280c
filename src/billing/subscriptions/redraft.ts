// The first draft of a subscription, where what it bills changes before anything was billed.

import type { Account } from '../account.ts'
import { type DraftFacts, firstDraft, withDraft } from '../invoices/draft.ts'
import type { Invoice } from '../invoices/invoice.ts'
import { firstBilledMs, type Subscription } from './subscription.ts'

export type Drafted = { subscription: Subscription; draft: Invoice | undefined }

export const draftIn = ({ invoices }: Account, { open }: Subscription): Invoice | undefined =>
  invoices.find(({ id }) => id === open?.invoiceId)

/** Whether it is before anything is billed but a trial: whatever the plan is then, it is on it from its first period on. */
export const changesFirst = ({ account, subscription }: DraftFacts, fromMs: number): boolean =>
  fromMs <= firstBilledMs(subscription) && draftIn(account, subscription)?.sequence === 0

/** Its first draft anew: the period may be another one, and what is due in advance, too. */
export function redrafted(facts: DraftFacts): Drafted & { draft: Invoice } {
  const { account, subscription, settings } = facts
  const { id, createdMs } = draftIn(account, subscription)!
  const again = { ...facts, subscription: { ...subscription, nextSequence: 0 }, newId: () => id }
  const draft = { ...firstDraft(again), createdMs }
  return { subscription: withDraft(subscription, draft, settings), draft }
}
