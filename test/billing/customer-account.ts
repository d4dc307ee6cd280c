// A customer's account over time, for tests of billing's rules: the real decisions, a clock that the test moves, and usage that
// the test defines. Its account is what the store would give: read before each decision, written after it, and without what
// closing is done with (test/stores/account-asked.test.ts holds it against Postgres).

import type { TaxRate } from '../../src/access/customer.ts'
import type { Account, AccountChange } from '../../src/billing/account.ts'
import type { Asked, Saved } from '../../src/billing/account-ports.ts'
import type { PartUsage } from '../../src/billing/charge.ts'
import type { Coupon } from '../../src/billing/coupon.ts'
import { createCreditNote } from '../../src/billing/credit/create-credit-note.ts'
import type { StoredNote } from '../../src/billing/credit/credit.ts'
import { type CreditNoteInput, creditNoteInputSchema } from '../../src/billing/credit/credit-note.ts'
import { grantCredit, grantInputSchema, voidGrant } from '../../src/billing/credit/grant-credit.ts'
import { closeAccount, openInvoice } from '../../src/billing/invoices/close.ts'
import { closePeriods, roundsToClose } from '../../src/billing/invoices/close-periods.ts'
import { computeInvoice } from '../../src/billing/invoices/compute.ts'
import { creditedRecounts } from '../../src/billing/invoices/credit-recounts.ts'
import type { Invoice } from '../../src/billing/invoices/invoice.ts'
import { type Move, moveInvoice } from '../../src/billing/invoices/move-invoice.ts'
import { previewChange } from '../../src/billing/invoices/preview-invoice.ts'
import { type Recount, reopenedBy } from '../../src/billing/invoices/recount.ts'
import { reopenedAt } from '../../src/billing/invoices/reopen-invoices.ts'
import type { UsageOf, UsageSpan } from '../../src/billing/invoices/usage-lines.ts'
import type { UsageServices } from '../../src/billing/invoices/usage-reader.ts'
import type { Plan } from '../../src/billing/plan.ts'
import type { BillingSettings } from '../../src/billing/settings.ts'
import {
  cancelSubscription,
  reactivateSubscription,
} from '../../src/billing/subscriptions/cancel-subscription.ts'
import { changeSubscription } from '../../src/billing/subscriptions/change-subscription.ts'
import { createSubscription } from '../../src/billing/subscriptions/create-subscription.ts'
import type { Subscription } from '../../src/billing/subscriptions/subscription.ts'
import {
  cancelInputSchema,
  planChangeInputSchema,
  subscriptionInputSchema,
} from '../../src/billing/subscriptions/subscription-input.ts'
import { type Terms, termsInputFields } from '../../src/billing/terms.ts'
import { decimal, quotient, sum, zero } from '../../src/kernel/decimal.ts'
import { bucketStartMs } from '../../src/kernel/time.ts'
import type { Aggregation, Meter, TenantConfig } from '../../src/metering/meter.ts'
import { meterId } from '../support/metering.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

export const meter = (key: string, aggregation: Aggregation = 'sum', groupBy: string[] = []): Meter => ({
  id: meterId(key),
  key,
  name: null,
  resourceType: key,
  aggregation,
  value: 'quantity',
  groupBy,
  missing: 'refuse',
  filter: [],
  countsFromMs: null,
  revision: null,
  createdAt: new Date(0),
  archivedAt: null,
})

/** What was used, in which hour, and from when on it is known. */
type Event = {
  meter: string
  atMs: number
  arrivedMs: number
  quantity: string
  groups: Record<string, string | null>
}

export type TermsInput = { [name in keyof Terms]?: unknown }

// biome-ignore lint/suspicious/noExplicitAny: inputs as the API takes them
type Input = Record<string, any>

export class CustomerAccount {
  nowMs: number
  readonly tenant: TenantConfig
  readonly settings: BillingSettings
  readonly subscriptions = new Map<string, Subscription>()
  readonly all = new Map<string, Invoice>()
  /** every change that was written, in order */
  readonly written: AccountChange[] = []
  /** how many periods each closing at once has closed */
  readonly rounds: number[] = []
  taxRates: TaxRate[] = []
  readonly #plans: Plan[] = []
  readonly #coupons: Coupon[] = []
  readonly #events: Event[] = []
  readonly #change: Pick<AccountChange, 'grants' | 'entries'> & { creditNotes: StoredNote[] } = {
    grants: [],
    entries: [],
    creditNotes: [],
  }
  #recounts: Recount[] = []
  #version = 0
  #currency: string | null = null
  #numbers = { invoices: 0, notes: 0 }
  #ids = 0

  constructor(
    now: string,
    {
      timezone = 'UTC',
      meters = [meter('calls')],
      graceMs = HOUR_MS,
      lateMs = 36 * DAY_MS,
    }: { timezone?: string; meters?: Meter[]; graceMs?: number; lateMs?: number } = {},
  ) {
    this.nowMs = Date.parse(now)
    this.tenant = {
      tenantId: this.newId(),
      timezone,
      currency: 'USD',
      revisions: [],
      unmetered: 'refuse',
      dedupeWindowHours: null,
      version: 1,
      meters,
    }
    this.settings = { graceMs, lateMs, accountsPerBatch: 100, batchesPerRun: 10 }
  }

  readonly newId = () => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`
  /** Where the next commands get their ids: the same ones again are those of a request that is executed again. */
  idsFrom: () => string = this.newId
  readonly #caller = () => ({ tenant: this.tenant, newId: this.idsFrom })

  plan(key: string, terms: TermsInput, currency = 'USD'): this {
    const parsed = Object.fromEntries(
      Object.entries(termsInputFields).map(([name, schema]) => [
        name,
        schema.parse(terms[name as keyof Terms] ?? (name === 'prices' ? [] : undefined)),
      ]),
    ) as Terms
    const version = this.#plans.filter((one) => one.key === key).length + 1
    const at = new Date(this.nowMs)
    this.#plans.push({ key, name: null, currency, version, terms: parsed, createdAt: at, updatedAt: at })
    return this
  }

  coupon(key: string, coupon: Partial<Coupon>): this {
    const none = { name: null, percentOff: null, amountOff: null, currency: null, periods: null }
    this.#coupons.push({ ...none, key, createdAt: new Date(0), archivedAt: null, ...coupon })
    return this
  }

  at(now: string | number): this {
    this.nowMs = typeof now === 'number' ? now : Date.parse(now)
    return this
  }

  /** Used at `time`, and known from now on. */
  use(quantity: string, time: string | number, more: Partial<Event> = {}): this {
    const atMs = bucketStartMs(this.tenant.timezone, typeof time === 'number' ? time : Date.parse(time))
    this.#events.push({ meter: 'calls', atMs, arrivedMs: this.nowMs, quantity, groups: {}, ...more })
    return this
  }

  /** What was used at `time` is changed by so much: by a correction, whatever its age. */
  correct(
    correctionId: string | null,
    quantity: string,
    time: string,
    more: Partial<Event> & Partial<Recount> = {},
  ): this {
    const { asCreditNote = false, toMs, ...event } = more
    this.use(quantity, time, event)
    const { meter, atMs: fromMs } = this.#events.at(-1)!
    const to = toMs === undefined ? fromMs + HOUR_MS : toMs
    this.#recounts.push({ id: ++this.#ids, meter, fromMs, toMs: to, correctionId, asCreditNote })
    this.#version++
    return this
  }

  /** Takes in what was counted anew, as the job does before it closes. */
  reopen(): this {
    if (this.#recounts.length === 0) return this
    const account = this.account({ recounted: true })
    const { nowMs, newId, usageOf } = this
    this.write(creditedRecounts({ account, nowMs, newId, usageOf }, reopenedAt(account, nowMs)))
    return this
  }

  subscribe = async (input: Input): Promise<Subscription> =>
    (
      await createSubscription(
        this.#services,
        this.#caller(),
        subscriptionInputSchema.parse({ customer_id: 'alice', ...input }),
      )
    ).subscription

  change = (id: string, change: Input): Promise<Subscription> =>
    changeSubscription(this.#services, this.#caller(), { id, change: planChangeInputSchema.parse(change) })

  preview = (id: string, change: Input) =>
    previewChange(this.#services, this.#caller(), { id, change: planChangeInputSchema.parse(change) })

  cancel = (id: string, when: 'now' | 'period_end'): Promise<Subscription> =>
    cancelSubscription(this.#services, this.#caller(), { id, ...cancelInputSchema.parse({ when }) })

  reactivate = (id: string): Promise<Subscription> =>
    reactivateSubscription(this.#services, this.#caller(), { id })

  move = (id: string, to: Move): Promise<Invoice> => moveInvoice(this.#services, this.#caller(), { id, to })

  note = async (invoiceId: string, input: Partial<CreditNoteInput>) => {
    const parsed = creditNoteInputSchema.parse({ reason: 'Because', ...input })
    return (await createCreditNote(this.#services, this.#caller(), { invoiceId, input: parsed })).note
  }

  grant = (input: Input) =>
    grantCredit(
      this.#services,
      this.#caller(),
      grantInputSchema.parse({ customer_id: 'alice', name: 'Credit', currency: 'USD', ...input }),
    )

  voidGrant = (id: string) => voidGrant(this.#services, this.#caller(), { id })

  /** Closes whatever is due now, as the job does. */
  close(): this {
    this.reopen()
    while ([...this.subscriptions.values()].some(({ dueMs }) => dueMs !== null && dueMs <= this.nowMs))
      this.write(this.decide())
    return this
  }

  /** Closes at every instant at which something is due, up to `until`. */
  closeUntil(until: string | number): this {
    this.reopen()
    const untilMs = typeof until === 'number' ? until : Date.parse(until)
    for (;;) {
      const due = [...this.subscriptions.values()].flatMap(({ dueMs }) => (dueMs === null ? [] : [dueMs]))
      const next = Math.min(...due)
      if (next > untilMs) return this.at(untilMs)
      this.at(Math.max(next, this.nowMs)).close()
    }
  }

  /** The same with as many periods at once as closing takes; it may ask for the usage that it has said it needs, and no other. */
  closeAtOnce(most = 400): this {
    this.reopen()
    while ([...this.subscriptions.values()].some(({ dueMs }) => dueMs !== null && dueMs <= this.nowMs)) {
      const facts = this.#facts()
      const rounds = roundsToClose(facts, most)
      const known = new Set(rounds.flat().map((span) => JSON.stringify(span)))
      const usageOf: UsageOf = (span) => {
        if (known.has(JSON.stringify(span))) return this.usageOf(span)
        throw new Error(`Usage was not read: ${JSON.stringify(span)}`)
      }
      const change = closePeriods({ ...facts, usageOf }, rounds.length)
      this.rounds.push(rounds.length)
      this.write(change)
    }
    return this
  }

  #facts = () => ({
    account: this.account(),
    timezone: this.tenant.timezone,
    settings: this.settings,
    nowMs: this.nowMs,
    newId: this.newId,
    meters: this.#meters,
    usageOf: this.usageOf,
  })

  /** What closing would write now. */
  decide = (): AccountChange => closeAccount(this.#facts())

  /** The subscription's draft as it stands now. */
  draft(id: string): Invoice {
    const facts = { ...this.#facts(), subscription: this.subscriptions.get(id)! }
    const draft = openInvoice(facts)
    return { ...draft, ...computeInvoice(facts, draft) }
  }

  /** In the order of their sequence: those that are no draft. */
  invoices(id?: string): Invoice[] {
    return [...this.all.values()]
      .filter(({ status, subscriptionId }) => status !== 'draft' && (id ?? subscriptionId) === subscriptionId)
      .toSorted((x, y) => x.sequence - y.sequence)
  }

  entries() {
    return this.#change.entries
  }

  remaining(grantId: string): string {
    return sum(
      this.#change.entries.filter((one) => one.grantId === grantId).map(({ amount }) => decimal(amount)),
    ).toFixed()
  }

  /** All grants that were ever made. */
  grants() {
    return this.#change.grants
  }

  /** What is there, less what the store leaves out. */
  account({
    invoiceIds = [],
    endedAfterMs = Number.POSITIVE_INFINITY,
    recounted = false,
  }: Asked = {}): Account {
    const again = recounted ? reopenedBy({ invoices: [...this.all.values()] }, this.#recounts) : []
    const noted = [...invoiceIds, ...again.map(({ id }) => id)]
    const asked = invoiceIds.map((id) => this.all.get(id)!)
    const subscriptions = [...this.subscriptions.values()].filter(
      ({ id, dueMs, startMs, cancelAtMs }) =>
        dueMs !== null ||
        [...asked, ...again].some(({ subscriptionId }) => subscriptionId === id) ||
        cancelAtMs! > Math.max(endedAfterMs, startMs),
    )
    const follows = (one: Invoice, sequence: number): boolean =>
      one.sequence < sequence &&
      ![...this.all.values()].some(
        ({ subscriptionId, sequence: between, kind }) =>
          subscriptionId === one.subscriptionId &&
          one.sequence < between &&
          between < sequence &&
          kind !== 'change',
      )
    const invoices = [...this.all.values()].filter(
      ({ id, status, usageFinal, reopened, subscriptionId, sequence }) =>
        status === 'draft' ||
        !usageFinal ||
        reopened !== undefined ||
        noted.includes(id) ||
        asked.some((one) => one.subscriptionId === subscriptionId && follows(one, sequence)),
    )
    const phases = subscriptions.flatMap((one) => one.phases)
    const attached = subscriptions.flatMap(({ coupons }) => coupons.map(({ coupon }) => coupon))
    return structuredClone({
      tenantId: this.tenant.tenantId,
      customerId: 'alice',
      version: this.#version,
      currency: this.#currency,
      subscriptions,
      invoices,
      grants: this.#change.grants
        .map((grant) => ({ ...grant, remaining: this.remaining(grant.id) }))
        .filter(({ remaining }) => !decimal(remaining).eq('0')),
      terms: this.#plans
        .filter(({ key, version }) => phases.some((one) => one.plan === key && one.version === version))
        .map(({ key, version, terms }) => ({ plan: key, version, terms })),
      coupons: this.#coupons.filter(({ key }) => attached.includes(key)),
      creditNotes: this.#change.creditNotes.filter(({ invoiceId }) => noted.includes(invoiceId)),
      recounts: this.#recounts,
      customer: { name: 'Alice', email: null, taxRates: this.taxRates },
    })
  }

  write(change: AccountChange): Saved[] {
    if (change.seenVersion !== this.#version) return []
    this.#version++
    this.written.push(structuredClone(change))
    this.#currency = change.currency
    const numbers = new Map<string, number>()
    for (const one of change.subscriptions) this.subscriptions.set(one.id, one)
    for (const one of change.invoices) {
      const number = one.number ?? (one.issuedMs === null ? null : ++this.#numbers.invoices)
      if (number !== null) numbers.set(one.id, number)
      const twin = [...this.all.values()].find(
        ({ id, subscriptionId, sequence }) =>
          id !== one.id && subscriptionId === one.subscriptionId && sequence === one.sequence,
      )
      if (twin) throw new Error(`Two invoices with sequence ${one.sequence}`)
      this.all.set(one.id, { ...one, number })
    }
    this.#recounts = this.#recounts.filter(({ id }) => !change.recounts.includes(id))
    const notes = change.creditNotes.map((note) => ({ ...note, number: ++this.#numbers.notes }))
    for (const note of notes) numbers.set(note.id, note.number)
    this.#change.creditNotes.push(...notes)
    this.#change.grants.push(...change.grants)
    this.#change.entries.push(...change.entries)
    return [{ customerId: change.customerId, numbers }]
  }

  /** The usage that is known now. Levels of a gauge are exact: its means are those of the hours that were sent. */
  readonly usageOf: UsageOf = (span) => {
    const known = this.#events.filter(
      (event) => event.meter === span.meter && event.arrivedMs <= this.nowMs && event.atMs < span.toMs,
    )
    return [...span.matches, null].map((_, part) => {
      const mine = known.filter((event) => partOf(event, span) === part)
      return this.#meters.get(span.meter)!.aggregation === 'weighted_sum'
        ? mean(mine, span)
        : total(mine, span)
    })
  }

  get #meters(): ReadonlyMap<string, Meter> {
    return new Map(this.tenant.meters.map((one) => [one.key, one]))
  }

  /** Usage as the stores give it, made of what is known now: the mean of a gauge is a level that never changes. */
  get #usageServices(): UsageServices {
    const tenant = async () => this.tenant
    const spanTotals: UsageServices['usage']['spanTotals'] = async (_, spans) =>
      spans.flatMap((span, i) => {
        const meter = this.tenant.meters.find(({ id }) => id === span.meter)!
        const matches = span.parts.map((part) =>
          Object.fromEntries(part.map(({ position, value }) => [meter.groupBy[position]!, value])),
        )
        const used = this.usageOf({ meter: meter.key, fromMs: span.startMs, toMs: span.endMs, matches })
        return used.map(({ quantity, events }, part) => ({
          span: i,
          part: part === matches.length ? null : part,
          before: span.level,
          merge: 'add' as never,
          all: { a: quantity.toFixed(), b: events.toFixed(), aTimesBucketMs: '0' },
          settled: null,
        }))
      })
    return {
      counters: { readLive: async () => ({ configVersion: null, counters: [] }) },
      usage: { spanTotals },
      configs: { forget: () => {}, load: tenant, reload: tenant },
    } as unknown as UsageServices
  }

  get #services() {
    return {
      clock: () => this.nowMs,
      billing: this.settings,
      accounts: {
        loadAccounts: async (_: string, __: string[], asked?: Asked) => [this.account(asked)],
        saveAccounts: async (_: string, [change]: AccountChange[]) => this.write(change!),
        findSubscription: async (_: string, id: string) => this.subscriptions.get(id) ?? null,
        findByExternalId: async (_: string, externalId: string) =>
          [...this.subscriptions.values()].find((one) => one.externalId === externalId) ?? null,
        findInvoice: async (_: string, id: string) => this.all.get(id) ?? null,
        findGrant: async (_: string, id: string) => {
          const grant = this.#change.grants.find((one) => one.id === id)
          return grant ? { ...grant, remaining: this.remaining(id) } : null
        },
      },
      catalog: {
        findMeter: async (_: string, key: string) => this.#meters.get(key) ?? null,
        findPlan: async (_: string, key: string, version?: number) => {
          const versions = this.#plans.filter((one) => one.key === key)
          const plan = version === undefined ? versions.at(-1) : versions[version - 1]
          return plan ? { plan, isDefault: false } : null
        },
      },
      coupons: {
        findCoupon: async (_: string, key: string) => this.#coupons.find((one) => one.key === key) ?? null,
      },
      ...this.#usageServices,
    }
  }
}

function partOf({ groups }: Event, { matches }: UsageSpan): number {
  const at = matches.findIndex((match) =>
    Object.entries(match).every(([property, value]) => (groups[property] ?? null) === value),
  )
  return at === -1 ? matches.length : at
}

function total(events: Event[], { fromMs }: UsageSpan): PartUsage {
  const within = events.filter(({ atMs }) => atMs >= fromMs)
  const quantity = sum(within.map((event) => decimal(event.quantity)))
  return { quantity, settledQuantity: zero, events: decimal(String(within.length)) }
}

function mean(events: Event[], { fromMs, toMs }: UsageSpan): PartUsage {
  const integral = sum(
    events.map(({ atMs, quantity }) => decimal(quantity).times(String(toMs - Math.max(atMs, fromMs)))),
  )
  const quantity = quotient(integral, decimal(String(toMs - fromMs)), 12)
  return { quantity, settledQuantity: zero, events: zero }
}
