// The end of a round, in the event log: exactly the events that were acknowledged are in it, each once and as it was sent, and
// what they come to is what is billed.

import { call } from './calls.ts'
import type { Load } from './clients.ts'
import { quantitiesOf, readLog, sentBefore, wrongEvent, wrongInLog } from './logged.ts'

const LOOKED_UP = 20
/** The most that a page has, and one that cuts calls and blocks anywhere. */
const LIMITS = { asc: 100, desc: 67 } as const

export async function verifyLog(load: Load, { settled }: { settled: boolean }): Promise<void> {
  const { site, ledger, tenant, random } = load
  const began = ledger.moment()
  const tell = (wrong: string[]) =>
    site.violations.push(...wrong.map((one) => `events, ${settled ? 'all settled' : 'at the end'}: ${one}`))
  for (const order of ['asc', 'desc'] as const) {
    const query = { customer: null, order, limit: LIMITS[order], givesUp: () => false }
    const read = await readLog(load, query)
    if (!Array.isArray(read))
      return void tell([read === 'unavailable' ? 'not to be read, with every server up' : read.wrong])
    tell(wrongInLog(read, { sent: sentBefore(ledger, began, null), began, order }))
    const ofCustomers = Map.groupBy(read, ({ customer_id }) => customer_id)
    for (const customer of ledger.customers) {
      const quantities = quantitiesOf(ofCustomers.get(customer) ?? [], ledger.period)
      tell(ledger.wrong(customer, quantities, began, began))
    }
  }
  for (const event of Array.from({ length: LOOKED_UP }, () => random.pick(ledger.sent)))
    tell(wrongEvent(await call(random.pick(site.apps), pathOf(event.content.id, tenant.key)), event))
  const never = await call(random.pick(site.apps), pathOf('never-sent', tenant.key))
  if (never?.status !== 404) tell([`GET /api/v1/events/never-sent: ${never?.status}`])
}

const pathOf = (id: string, token: string) => ({ path: `/api/v1/events/${encodeURIComponent(id)}`, token })
