// The clients of a round: they send events until each is answered with success, always with the same content, and read bills
// all the while.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import { call, describe, isTemporary } from './calls.ts'
import type { Ledger, LedgerEvent } from './ledger.ts'
import { readLog, sentBefore, wrongInLog } from './logged.ts'
import type { Served } from './site.ts'
import { read, type Tenant } from './tenant.ts'
import type { Workload } from './workload.ts'

const BATCH = 30
const TRIES = 200
const PATIENCE_MS = 20_000

export type Load = {
  site: Served
  ledger: Ledger
  workload: Workload
  tenant: Tenant
  random: Random
  over: () => boolean
  counts: { requests: number; retries: number; reads: number; logReads: number; gaveUp: number }
}

/** One client. What it gives up on stays unknown until the end of the round. */
export async function sendUntilOver(load: Load): Promise<void> {
  const { random, workload } = load
  const recent: LedgerEvent[] = []
  while (!load.over()) {
    const events = Array.from({ length: random.chance(0.6) ? 1 : 1 + random.int(BATCH) }, () =>
      workload.next(),
    )
    // Late retries of what was acknowledged long ago, in the company of new events.
    if (recent.length > 0 && random.chance(0.1)) events.push(random.pick(recent))
    const tries = random.chance(0.05) ? 1 + random.int(3) : TRIES
    // Two clients that share an id, or one that is impatient: the same request goes to both apps at once.
    const senders = random.chance(0.05) ? 2 : 1
    const delivered = await Promise.all(
      Array.from({ length: senders }, () => deliver(load, events, { tries, until: load.over })),
    )
    if (delivered.includes(true)) recent.push(...events)
    else load.counts.gaveUp++
    recent.splice(0, recent.length - 50)
    await sleep(random.int(15))
  }
}

/** Whether it was answered with success, within so many tries and before `until` says that it is enough. */
export async function deliver(
  { site, ledger, tenant, random, counts }: Load,
  events: LedgerEvent[],
  { tries, until, patient = false }: { tries: number; until: () => boolean; patient?: boolean },
): Promise<boolean> {
  const contents = events.map(({ content }) => content)
  for (let n = 1; n <= tries; n++) {
    for (const event of events) ledger.sending(event)
    counts.requests++
    if (n > 1) counts.retries++
    const reply = await call(random.pick(site.apps), {
      method: 'POST',
      path: '/api/v1/usage',
      token: tenant.key,
      body: contents.length === 1 ? contents[0] : contents,
      // Some hang up at once: whether it was counted they can't know.
      timeoutMs: !patient && random.chance(0.03) ? 1 + random.int(30) : PATIENCE_MS,
    })
    if (reply?.status === 200) {
      for (const [i, event] of events.entries()) {
        const wrong = ledger.answered(event, reply.body.events[i].status)
        if (wrong) site.violations.push(wrong)
      }
      return true
    }
    if (!isTemporary(reply)) {
      site.violations.push(`POST /api/v1/usage: ${describe(reply!)}`)
      return false
    }
    if (until()) return false
    await sleep(Math.min(20 * n, 200) + random.int(50))
  }
  return false
}

/** Bills and the log at any instant: all that was acknowledged before, nothing that was not sent. And accounts that agree. */
export async function readUntilOver(load: Load): Promise<void> {
  const { site, ledger, random, over } = load
  while (!over()) {
    const customers = ledger.customers
    if (customers.length > 0) {
      if (random.chance(0.15)) await checkLog(load, random.pick(customers))
      else await checkRead(load, random.chance(0.7) ? 'bill' : 'usage', random.pick(customers))
      if (random.chance(0.05)) await checkAccounts(load)
    }
    await sleep(random.int(40))
    if (site.violations.length > 0) return
  }
}

async function checkRead(load: Load, kind: 'bill' | 'usage', customer: string): Promise<void> {
  const { site, ledger, tenant, random, counts } = load
  const began = ledger.moment()
  const shown = await read(kind, site, random.int(site.apps.length), {
    tenant,
    customer,
    period: ledger.period,
  })
  if (shown === 'unavailable') return
  counts.reads++
  if ('wrong' in shown) site.violations.push(shown.wrong)
  else
    for (const wrong of ledger.wrong(customer, shown.quantities, began, ledger.moment()))
      site.violations.push(`${kind}, read during the round: ${wrong}`)
}

/** A customer's events, page after page, while what was live when it began is settled. */
async function checkLog(load: Load, customer: string): Promise<void> {
  const { site, ledger, random, counts } = load
  const began = ledger.moment()
  const order = random.chance(0.5) ? 'asc' : 'desc'
  const givesUp = () => load.over()
  const read = await readLog(load, { customer, order, limit: 1 + random.int(40), givesUp })
  if (read === 'unavailable') return
  counts.logReads++
  const sent = sentBefore(ledger, ledger.moment(), customer)
  const wrong = Array.isArray(read) ? wrongInLog(read, { sent, began, order }) : [read.wrong]
  site.violations.push(...wrong.map((one) => `events, read during the round: ${one}`))
}

async function checkAccounts({ site, tenant, random }: Load): Promise<void> {
  const path = `/api/v1/reconciliation?tenant_id=${tenant.id}`
  const reply = await call(random.pick(site.apps), { path, token: site.adminToken })
  if (isTemporary(reply)) return
  if (reply!.status !== 200) site.violations.push(`GET ${path}: ${describe(reply!)}`)
  else if (reply!.body.data[0].drift_since !== null)
    site.violations.push(`reconciliation during the round: ${JSON.stringify(reply!.body.data[0])}`)
}

/** The aggregator by hand, beside the timers of the apps. */
export async function flushUntilOver({ site, random, over }: Load): Promise<void> {
  while (!over()) {
    const reply = await call(random.pick(site.apps), {
      method: 'POST',
      path: '/api/v1/flush',
      token: site.adminToken,
    })
    if (!isTemporary(reply) && reply!.status !== 200)
      site.violations.push(`POST /api/v1/flush: ${describe(reply!)}`)
    if (reply?.status === 200 && reply.body.quarantined.length > 0)
      site.violations.push(`quarantined: ${JSON.stringify(reply.body.quarantined)}`)
    await sleep(100 + random.int(500))
  }
}
