// The tenants of a run, each with meters, a plan, customers and usage of its own: two that send generated requests, and a
// sentinel that sends nothing and must look the same to the byte when all is over.

import { type Actor, type AdminPool, BASE_TYPES } from './actor.ts'
import type { SentEvent } from './ledger.ts'
import type { Random } from './random.ts'
import { fullHour } from './values.ts'

export type Target = { baseUrl: string; adminToken: string }
// biome-ignore lint/suspicious/noExplicitAny: answers of every form
type Fetched = { status: number; body: any }

export async function call(
  { baseUrl }: Target,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Fetched> {
  const response = await fetch(new URL(path, baseUrl), {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

async function done(answer: Promise<Fetched>): Promise<Fetched['body']> {
  const { status, body } = await answer
  if (status >= 300) throw new Error(`Setting up: ${status} ${JSON.stringify(body)}`)
  return body
}

export async function newActor(
  target: Target,
  name: string,
  timezone: string,
  random: Random,
): Promise<Actor> {
  const open = `o${name.toLowerCase()}${random.word(6)}`
  const secret = `s${name.toLowerCase()}${random.word(6)}`
  const made = await done(
    call(target, target.adminToken, 'POST', '/api/v1/tenants', { name: `${secret} tenant`, timezone }),
  )
  const key: string = made.api_key.key
  const post = (path: string, body: unknown) => done(call(target, key, 'POST', path, body))
  const countMeters: Record<string, string> = {}
  for (const type of BASE_TYPES) {
    const resource_type = `${open}${type}`
    countMeters[resource_type] = `${open}n${type}`
    await post('/api/v1/meters', {
      key: `${open}n${type}`,
      name: `${secret} count`,
      resource_type,
      aggregation: 'count',
    })
  }
  const more = [
    { key: `${open}sum`, resource_type: `${open}call`, aggregation: 'sum', group_by: ['region'] },
    { key: `${open}level`, resource_type: `${open}gauge`, aggregation: 'weighted_sum' },
    { key: `${open}users`, resource_type: `${open}seat`, aggregation: 'unique_count', value: 'user_id' },
    {
      ...{ key: `${open}tokens`, resource_type: `${open}call`, aggregation: 'count' },
      filter: [{ property: '$.usage.tokens', op: 'exists' }],
    },
    {
      ...{ key: `${open}rated`, resource_type: `${open}seat`, aggregation: 'unique_count' },
      ...{ value: "usage['ki nd']", group_by: ['usage.list[1].deep'], missing: 'skip' },
    },
    { key: `${open}last`, resource_type: `${open}seat`, aggregation: 'latest' },
  ]
  for (const meter of more) await post('/api/v1/meters', { ...meter, name: `${secret} meter` })
  const price = {
    model: 'graduated',
    tiers: [
      { up_to: '100', unit_amount: '0.01' },
      { up_to: null, unit_amount: '0.005' },
    ],
  }
  await post('/api/v1/plans', {
    key: `${open}plan`,
    name: `${secret} plan`,
    currency: 'USD',
    prices: more.slice(0, 2).map(({ key }) => ({ meter: key, price })),
    default: true,
  })
  const customers = [`${open}c1`, `${open} c2`, `${open}ü3`]
  for (const customer_id of customers) {
    await post('/api/v1/customers', {
      customer_id,
      name: `${secret} customer`,
      email: `${secret}@example.com`,
      metadata: { note: secret, constructor: `${secret} c` },
    })
  }
  const billed = await firstInvoices(target, key, post, { open, customers })
  return {
    ...billed,
    ...{ name, id: made.id, apiKey: key, open, secret, timezone, customers, countMeters },
    ...{ sumMeter: `${open}sum`, meters: [], plans: [`${open}plan`], resourceTypes: [], eventIds: [] },
    ...{ corrections: [], toApply: [], toRevert: [], imports: [], erasures: [] },
    ...{ revisions: new Map(), mayErase: false },
    ...{ cursors: [], timesSent: new Map(), sentOpen: new Set(), others: [] },
  }
}

/** Subscriptions with something due in advance, so that each has an issued invoice, and a draft with usage. */
async function firstInvoices(
  target: Target,
  key: string,
  post: (path: string, body: unknown) => Promise<Fetched['body']>,
  { open, customers }: { open: string; customers: string[] },
): Promise<Pick<Actor, 'coupons' | 'subscriptions' | 'invoices' | 'drafts' | 'grants' | 'creditNotes'>> {
  const fees = [{ key: 'base', amount: '10' }]
  await post('/api/v1/plans', { key: `${open}fees`, currency: 'USD', prices: [], fees })
  await post('/api/v1/coupons', { key: `${open}coupon`, percent_off: '5', duration: 'forever' })
  const subscriptions: string[] = []
  for (const plan of [`${open}plan`, ...Array<string>(5).fill(`${open}fees`)])
    subscriptions.push((await post('/api/v1/subscriptions', { customer_id: customers[0], plan })).id)
  // That of the draft is left alone: once it were changed or taken back, no line of usage would be there to explain.
  const kept = await post('/api/v1/subscriptions', { customer_id: customers[2], plan: `${open}plan` })
  const grant = { customer_id: customers[1], name: `${open} credit`, amount: '5', currency: 'USD' }
  const { id } = await post('/api/v1/credit-grants', grant)
  const { data } = await done(call(target, key, 'GET', '/api/v1/invoices?limit=100'))
  const of = (status: string, from: { id: string; status: string }[]) =>
    from.filter((one) => one.status === status).map((one) => one.id)
  const [first] = await done(
    call(target, key, 'GET', `/api/v1/invoices?status=draft&subscription_id=${kept.id}`),
  ).then((page) => page.data)
  const invoices: string[] = of('issued', data)
  const note = { amount: '0.01', reason: `${open} outage` }
  return {
    coupons: [`${open}coupon`],
    subscriptions,
    invoices,
    drafts: [first.id],
    grants: [id],
    creditNotes: [(await post(`/api/v1/invoices/${invoices[0]}/credit-notes`, note)).id],
  }
}

/** Events that count before any generated one. */
export async function firstUsage(target: Target, actor: Actor): Promise<SentEvent[]> {
  const events = actor.customers.flatMap((customer_id, i) =>
    BASE_TYPES.map((type) => ({
      id: `${actor.open}e${i}${type}`,
      customer_id,
      resource_type: `${actor.open}${type}`,
      quantity: '123.5',
      properties: { region: `${actor.secret} region`, user_id: `${actor.secret} user` },
    })),
  )
  actor.eventIds.push(...events.map(({ id }) => id))
  for (const { id } of events) actor.timesSent.set(id, 1)
  const { accepted } = await done(call(target, actor.apiKey, 'POST', '/api/v1/usage', events))
  if (accepted !== events.length) throw new Error(`Setting up: ${accepted} events accepted`)
  const page = await done(call(target, actor.apiKey, 'GET', '/api/v1/customers?limit=1'))
  actor.cursors.push(page.next_cursor)
  return events
}

/** A tenant for the operator's requests to work on. */
export async function newAdminPool(target: Target): Promise<AdminPool> {
  const made = await done(call(target, target.adminToken, 'POST', '/api/v1/tenants', { name: 'scrap' }))
  return { tenants: [made.id], keys: [made.api_key.id], cursors: [] }
}

/** Everything counted is in Postgres: nothing moves by itself any more. */
export async function settleAll(target: Target): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    await done(call(target, target.adminToken, 'POST', '/api/v1/flush'))
    const { partitions } = await done(call(target, target.adminToken, 'GET', '/api/v1/flush'))
    if (partitions.every((one: { unsettled_counters: number }) => one.unsettled_counters === 0)) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error('Setting up: the usage does not settle')
}

/** And nothing that follows from it is left to do: no meter to be filled, no correction that waits, nobody to be erased. */
export async function settleFully(target: Target): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const { leased_partitions, remaining, failed, filling, correcting, erasing } = await done(
      call(target, target.adminToken, 'POST', '/api/v1/flush'),
    )
    if (leased_partitions.length > 0) await new Promise((resolve) => setTimeout(resolve, 100))
    else {
      const left = [remaining, failed.length, correcting.failed_corrections, erasing.blocks]
      if ([...left, ...Object.values(filling)].every((count) => count === 0)) return
    }
  }
  throw new Error('The usage does not settle')
}

/** Usage and bill of a customer, as texts without what moves by itself. */
export async function figuresOf(
  target: Target,
  actor: Actor,
  customer: string,
  nowMs: number,
): Promise<[usage: string, bill: string]> {
  const period = `from=${fullHour(actor.timezone, nowMs, -36 * 24)}&to=${fullHour(actor.timezone, nowMs, 2)}`
  const id = encodeURIComponent(customer)
  const usage = await listAll(target, actor, `/api/v1/usage?${period}&window=day&customer_id=${id}`)
  const { status, body } = await call(target, actor.apiKey, 'GET', `/api/v1/billing/${id}?${period}`)
  // Nothing is known of one whose only event was taken back.
  const bill = status === 404 ? NOT_KNOWN : still(await done(Promise.resolve({ status, body })), MOVING)
  return [still(usage, MOVING), bill]
}

export const NOT_KNOWN = 'a customer of whom nothing is known'
const MOVING = ['as_of', 'settled_quantity', 'live_quantity', 'settled', 'live']
const still = (value: unknown, moving: string[]): string =>
  JSON.stringify(value, (name, inner) => (moving.includes(name) ? undefined : inner))

/** Every page of a list. */
export async function listAll(target: Target, actor: Actor, path: string): Promise<Fetched['body'][]> {
  const items: unknown[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const join = path.includes('?') ? '&' : '?'
    const page = await done(
      call(target, actor.apiKey, 'GET', `${path}${join}limit=100${cursor && `&cursor=${cursor}`}`),
    )
    items.push(...page.data)
    cursor = page.next_cursor
  }
  return items
}

/** Issues what is due, of a subscription that began in the past, say: the server's own timer does it at any moment. */
export async function issueDue(target: Target): Promise<void> {
  for (let more = true; more; )
    ({ more } = await done(call(target, target.adminToken, 'POST', '/api/v1/invoices/issue-due')))
}

/** All that a tenant can see of itself, as text. `exact`: also what moves when usage is settled. */
export async function snapshot(target: Target, actor: Actor, nowMs: number, exact: boolean): Promise<string> {
  const period = `from=${fullHour(actor.timezone, nowMs, -36 * 24)}&to=${fullHour(actor.timezone, nowMs, 2)}`
  const parts: unknown[] = []
  for (const list of ['meters', 'plans', 'customers', 'subscriptions', 'coupons', 'invoices'])
    parts.push(await listAll(target, actor, `/api/v1/${list}`))
  parts.push(await listAll(target, actor, `/api/v1/usage?${period}&window=day`))
  parts.push(await listAll(target, actor, `/api/v1/usage?${period}&meter=${actor.sumMeter}&group_by=region`))
  for (const { customer_id } of (parts[2] as { customer_id: string }[]).slice(0, 50))
    parts.push(
      await done(
        call(target, actor.apiKey, 'GET', `/api/v1/billing/${encodeURIComponent(customer_id)}?${period}`),
      ),
    )
  return still(parts, exact ? ['as_of'] : MOVING)
}

/** Where two snapshots begin to differ, with what is around it. */
export function firstDifference(before: string, after: string): string {
  let at = 0
  while (at < before.length && before[at] === after[at]) at++
  const from = Math.max(0, at - 300)
  return `was … ${before.slice(from, at + 120)} …\n  is …  ${after.slice(from, at + 120)} …`
}
