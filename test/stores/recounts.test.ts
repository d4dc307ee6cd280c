// Usage that was counted anew: written by the statement that changes it, with the accounts' versions, and taken in once.

import { type SQL, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { CORRECTIONS_NAMED } from '../../src/billing/invoices/recount.ts'
import { type ReopenServices, reopenInvoices } from '../../src/billing/invoices/reopen-invoices.ts'
import { defaultBillingSettings } from '../../src/billing/settings.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { changedBy, recountedParts } from '../../src/stores/postgres/recounted.ts'
import { accountStoreOn } from '../support/account-store.ts'
import { DECEMBER_MS, draftOf, issuedOf, NOVEMBER_MS, newId, subscriptionOf } from '../support/accounts.ts'
import { postgresBackends } from '../support/postgres.ts'

const HOUR_MS = 3_600_000
const line = (meter: string, fromMs = NOVEMBER_MS, toMs = DECEMBER_MS) => ({
  kind: 'usage' as const,
  meter,
  name: null,
  aggregation: 'sum' as const,
  match: null,
  fromMs,
  toMs,
  quantity: '1',
  events: '1',
  price: null,
  amount: '0.00',
  unrounded_amount: '0',
  breakdown: [],
})

/** Without credit notes no usage is read. */
const unread = {} as Pick<ReopenServices, 'counters' | 'usage' | 'configs'>

describe.each(postgresBackends)('usage that was counted anew, on $name', ({ open }) => {
  const on = accountStoreOn(open)

  beforeEach(async () => {
    await rows(on.backend.db, sql`delete from recounts`)
    await rows(
      on.backend.db,
      sql`insert into tenants (id, name, timezone, currency) values (${on.tenantId}::uuid, 't', 'UTC', 'USD')`,
    )
    await rows(
      on.backend.db,
      sql`insert into meters (tenant_id, id, key, resource_type, aggregation, value, group_by)
        select ${on.tenantId}::uuid, key || ' id', key, 'any', aggregation, 'quantity', '[]'
        from (values ('calls', 'sum'), ('gb', 'weighted_sum')) as m (key, aggregation)`,
    )
  })

  type Changed = { customerId: string; meter: string; bucketMs: number }
  const changed = (customerId: string, hour: number, meter = 'calls id'): Changed => ({
    customerId,
    meter,
    bucketMs: NOVEMBER_MS + hour * HOUR_MS,
  })
  const recount = async (
    counters: Changed[],
    correction: string | null = null,
    entered = true,
    asCreditNote = false,
    more: SQL = sql``,
  ) => {
    const because = {
      correction: sql`${correction}::uuid`,
      asCreditNote: sql`${asCreditNote}::boolean`,
    }
    const parts = recountedParts(on.tenantId, changedBy(counters, sql`${entered}::boolean`), because)
    const [found] = await rows<{ written: string }>(
      on.backend.db,
      sql`with ${parts} select count(*)::text as written from recounted ${more}`,
    )
    return Number(found!.written)
  }
  const reopening = (tenantId?: string) =>
    reopenInvoices(
      {
        ...unread,
        accounts: on.store,
        billing: defaultBillingSettings,
        clock: () => DECEMBER_MS,
      },
      tenantId,
    )

  it('is written by customer and meter, and moves the versions of their accounts, and of no other', async () => {
    await on.save('alice', {})
    await on.save('bob', {})
    await on.save('carol', {})
    const correction = newId()
    const written = [
      changed('alice', 5),
      changed('alice', 9),
      changed('alice', 7, 'gb id'),
      changed('bob', 1),
      changed('nobody', 1),
      changed('', 1),
      changed('carol', 1, 'no such meter'),
    ]
    expect(await recount(written, correction, true, true)).toBe(3)
    const at = (hour: number) => NOVEMBER_MS + hour * HOUR_MS
    const by = { correctionId: correction, asCreditNote: true, id: expect.any(Number) }
    expect(await on.load('alice')).toMatchObject({
      version: 2,
      recounts: [
        { meter: 'calls', fromMs: at(5), toMs: at(10), ...by },
        { meter: 'gb', fromMs: at(7), toMs: null, ...by },
      ],
    })
    expect(await on.load('bob')).toMatchObject({ version: 2, recounts: [{ fromMs: at(1), toMs: at(2) }] })
    expect(await on.load('carol')).toMatchObject({ version: 1, recounts: [] })
    expect(await on.load('nobody')).toMatchObject({ version: 0, recounts: [] })
  })

  it('is not written where nothing was entered', async () => {
    await on.save('alice', {})
    expect(await recount([changed('alice', 5)], null, false)).toBe(0)
    expect(await on.load('alice')).toMatchObject({ version: 1, recounts: [] })
  })

  it('keeps what was decided before it from being written', async () => {
    await on.save('alice', {})
    const before = await on.load('alice')
    await recount([changed('alice', 5)])
    const late = { ...before, recounts: undefined }
    expect(late.version).toBe(1)
    const change = { customerId: 'alice', seenVersion: 1, currency: 'USD', subscriptions: [], invoices: [] }
    const nothing = { grants: [], entries: [], creditNotes: [], recounts: [] }
    expect(await on.store.saveAccounts(on.tenantId, [{ ...change, ...nothing }])).toEqual([])
  })

  it('opens the issued invoices that bill it, once, and brings back subscriptions that have ended', async () => {
    const [running, ended] = [
      subscriptionOf('alice'),
      subscriptionOf('alice', { dueMs: null, cancelAtMs: DECEMBER_MS }),
    ]
    const of = (more: object, subscription = running) =>
      issuedOf('alice', {
        subscriptionId: subscription.id,
        usageFinal: true,
        lines: [line('calls')],
        ...more,
      })
    const final = of({ sequence: 0 })
    const others = [
      of({ sequence: 1, lines: [line('gb')] }),
      of({ sequence: 2, status: 'void' }),
      of({
        sequence: 3,
        startMs: DECEMBER_MS,
        endMs: DECEMBER_MS + HOUR_MS,
        lines: [line('calls', DECEMBER_MS, DECEMBER_MS + HOUR_MS)],
      }),
      draftOf('alice', { sequence: 4, subscriptionId: running.id }),
    ]
    const theirs = of({ sequence: 0 }, ended)
    const late = of({ sequence: 1, usageFinal: false }, ended)
    await on.save('alice', { subscriptions: [running, ended], invoices: [final, ...others, theirs, late] })
    await on.save('bob', { invoices: [issuedOf('bob', { usageFinal: true, lines: [line('calls')] })] })
    const correction = newId()
    await recount([changed('alice', 5), changed('bob', 719)], correction)

    expect(await on.store.recountedAccounts(1)).toMatchObject([{ customerId: 'alice' }])
    const found = (await on.store.recountedAccounts(10))!
    expect(found.map(({ customerId }) => customerId)).toEqual(['alice', 'bob'])
    expect(found[0]!.subscriptions.map(({ id }) => id).sort()).toEqual([running.id, ended.id].sort())
    expect(found[0]).toEqual((await on.store.loadAccounts(on.tenantId, ['alice'], { recounted: true }))[0])

    expect(await reopening()).toMatchObject({ reopened: 4, more: false })
    const alice = await on.load('alice')
    const span = { meter: 'calls', fromMs: NOVEMBER_MS + 5 * HOUR_MS, toMs: NOVEMBER_MS + 6 * HOUR_MS }
    const open = alice.invoices.filter(({ reopened }) => reopened)
    expect(open.map(({ id }) => id).sort()).toEqual([final.id, theirs.id, late.id].sort())
    expect(open.map(({ reopened }) => reopened)).toEqual(
      Array(3).fill([{ ...span, correctionId: correction }]),
    )
    expect(alice.recounts).toEqual([])
    expect(await on.store.findSubscription(on.tenantId, ended.id)).toMatchObject({ dueMs: DECEMBER_MS })
    expect(await on.store.findSubscription(on.tenantId, running.id)).toMatchObject({ dueMs: running.dueMs })
    expect((await on.load('bob')).invoices).toHaveLength(1)

    // A second run finds nothing, and changes nothing.
    expect(await on.store.recountedAccounts(10)).toBeNull()
    expect(await reopening()).toMatchObject({ reopened: 0, more: false })
    expect((await on.load('alice')).version).toBe(alice.version)
    // What the next closing looked at is closed again: the store leaves it out.
    const { reopened: _, ...looked } = open.find(({ id }) => id === final.id)!
    await on.save('alice', { invoices: [looked] })
    expect((await on.load('alice')).invoices.map(({ id }) => id)).not.toContain(final.id)
  })

  it('is taken in for one tenant alone, if that is asked for', async () => {
    await on.save('alice', { invoices: [issuedOf('alice', { usageFinal: true, lines: [line('calls')] })] })
    await recount([changed('alice', 5)])
    const another = newId()
    expect(await on.store.recountedAccounts(10, another)).toBeNull()
    expect(await reopening(another)).toMatchObject({ reopened: 0 })
    expect(await on.store.recountedAccounts(10, on.tenantId)).toMatchObject([{ customerId: 'alice' }])
    expect(await reopening(on.tenantId)).toMatchObject({ reopened: 1 })
  })

  it('that comes while it is taken in waits for the next run', async () => {
    await on.save('alice', { invoices: [issuedOf('alice', { usageFinal: true, lines: [line('calls')] })] })
    await recount([changed('alice', 5)])
    const [account] = (await on.store.recountedAccounts(10))!
    await recount([changed('alice', 700)])
    const slow = { ...on.store, recountedAccounts: async () => [account!] }
    const saveAccounts = on.store.saveAccounts.bind(on.store)
    const once = { ...defaultBillingSettings, batchesPerRun: 1 }
    const run = { ...unread, accounts: { ...slow, saveAccounts }, billing: once, clock: () => DECEMBER_MS }
    expect(await reopenInvoices(run)).toMatchObject({ reopened: 0, more: true })
    expect((await on.load('alice')).recounts).toHaveLength(2)
    expect(await reopening()).toMatchObject({ reopened: 1, more: false })
    const [invoice] = (await on.load('alice')).invoices
    expect(invoice!.reopened).toEqual([
      {
        meter: 'calls',
        fromMs: NOVEMBER_MS + 5 * HOUR_MS,
        toMs: NOVEMBER_MS + 701 * HOUR_MS,
        correctionId: null,
      },
    ])
  })

  it('is of several tenants taken in for one at a time', async () => {
    const first = on.tenantId
    await on.save('alice', {})
    await recount([changed('alice', 5)])
    await rows(on.backend.db, sql`update recounts set created_at = created_at - interval '1 minute'`)
    on.tenantId = newId()
    await rows(
      on.backend.db,
      sql`insert into tenants (id, name, timezone, currency) values (${on.tenantId}::uuid, 't', 'UTC', 'USD')`,
    )
    await rows(
      on.backend.db,
      sql`insert into meters (tenant_id, id, key, resource_type, aggregation, value, group_by)
        values (${on.tenantId}::uuid, 'calls id', 'calls', 'any', 'sum', 'quantity', '[]')`,
    )
    await on.save('alice', {})
    await recount([changed('alice', 6)])
    expect((await on.store.recountedAccounts(10))!.map(({ tenantId }) => tenantId)).toEqual([first])
    expect(await reopening()).toMatchObject({ reopened: 0, more: false })
    expect(await on.store.recountedAccounts(10)).toBeNull()
  })

  it('of two statements at once, over the same accounts in other orders, ends in both', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `c${i}`)
    for (const name of names) await on.save(name, {})
    const rounds = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? names : names.toReversed()))
    await Promise.all(rounds.map((order, i) => recount(order.map((name) => changed(name, i)))))
    const accounts = await on.store.loadAccounts(on.tenantId, names)
    expect(accounts.map(({ version, recounts }) => [version, recounts.length])).toEqual(
      names.map(() => [21, 20]),
    )
    expect(CORRECTIONS_NAMED).toBeGreaterThan(20)
  })
})
