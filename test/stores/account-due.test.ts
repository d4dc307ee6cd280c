import { type SQL, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { type DueRange, rangesAt } from '../../src/billing/invoices/due-range.ts'
import { dueMarksStatement, dueStatement } from '../../src/stores/postgres/account-statements.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { accountStoreOn } from '../support/account-store.ts'
import { changeOf, DECEMBER_MS, newId, subscriptionOf } from '../support/accounts.ts'
import { postgresBackends } from '../support/postgres.ts'

const DAY_MS = 86_400_000

describe.each(postgresBackends)('accounts that are due, on $name', ({ open }) => {
  const on = accountStoreOn(open)

  beforeEach(async () => {
    await rows(on.backend.db, sql`update subscriptions set due_at = null`)
  })
  const due = (customerId: string, ...dueMs: (number | null)[]) =>
    changeOf(customerId, 0, {
      subscriptions: dueMs.map((ms) => subscriptionOf(customerId, { dueMs: ms })),
    })

  it('are none before the time has come', async () => {
    await on.store.saveAccounts(on.tenantId, [due('alice', DECEMBER_MS, null)])
    expect(await on.store.dueAccounts(DECEMBER_MS - 1, 10)).toBeNull()
    expect(await on.store.dueAccounts(DECEMBER_MS, 10)).toMatchObject([{ customerId: 'alice' }])
  })

  it('are those of the tenant that has waited longest, the longest wait first, and no more than asked for', async () => {
    const other = newId()
    await on.store.saveAccounts(other, [due('theirs', 2 * DAY_MS), due('also theirs', 9 * DAY_MS)])
    await on.store.saveAccounts(on.tenantId, [
      due('a', 5 * DAY_MS, 3 * DAY_MS),
      due('b', 1 * DAY_MS, 100 * DAY_MS),
      due('c', 4 * DAY_MS),
      due('d', 11 * DAY_MS),
    ])
    const found = async (limit: number, nowMs = 10 * DAY_MS) =>
      (await on.store.dueAccounts(nowMs, limit))?.map((one) => [one.tenantId, one.customerId])
    const mine = (names: string[]) => names.map((name) => [on.tenantId, name])
    expect(await found(10)).toEqual(mine(['b', 'a', 'c']))
    expect(await found(1)).toEqual(mine(['b']))
    expect(await found(2)).toEqual(mine(['b', 'a']))
    expect(await found(10, 11 * DAY_MS)).toEqual(mine(['b', 'a', 'c', 'd']))
    // They come whole, with what is not due yet.
    expect((await on.store.dueAccounts(10 * DAY_MS, 1))![0]!.subscriptions).toHaveLength(2)
    expect(await on.store.dueAccounts(10 * DAY_MS, 10)).toEqual(
      await on.store.loadAccounts(on.tenantId, ['b', 'a', 'c']),
    )

    // When the longest wait is over, it is the other tenant's turn.
    const { version, subscriptions } = await on.load('b')
    const later = subscriptions.map((one) => ({ ...one, dueMs: 100 * DAY_MS }))
    await on.store.saveAccounts(on.tenantId, [changeOf('b', version, { subscriptions: later })])
    expect(await found(10)).toEqual([
      [other, 'theirs'],
      [other, 'also theirs'],
    ])
  })

  it('are cut into ranges that have none in common and leave none out, each of as many as was asked for', async () => {
    const other = newId()
    await on.store.saveAccounts(other, [due('a', 2 * DAY_MS), due('b', 3 * DAY_MS)])
    const names = Array.from({ length: 12 }, (_, i) => `c${String(i).padStart(2, '0')}`)
    await on.store.saveAccounts(on.tenantId, [
      ...names.map((name) => due(name, 3 * DAY_MS)),
      // In two places, of which the first counts; more at one place than a range has; not due yet.
      due('late', 4 * DAY_MS, 1 * DAY_MS),
      due('many', ...Array(7).fill(5 * DAY_MS)),
      due('next', 11 * DAY_MS),
    ])
    const nowMs = 10 * DAY_MS
    const found = async (range: DueRange) =>
      ((await on.store.dueAccounts(nowMs, 100, range)) ?? []).map((one) => [one.tenantId, one.customerId])
    /** All of a range: of one tenant after another, as closing takes them. */
    const all = async (range: DueRange) => {
      const seen: string[][] = []
      for (let some = await found(range); some.length > 0; some = await found(range)) {
        seen.push(...some)
        for (const [tenantId, customerId] of some)
          await rows(
            on.backend.db,
            sql`update subscriptions set due_at = due_at + interval '1000 days'
              where tenant_id = ${tenantId}::uuid and customer_id = ${customerId}`,
          )
      }
      return seen
    }
    const everybody = [
      ...[
        [other, 'a'],
        [other, 'b'],
      ],
      ...[...names, 'late', 'many'].map((name) => [on.tenantId, name]),
    ]
    expect(await on.store.dueMarks(nowMs, 100, 5)).toEqual([])
    expect(await on.store.dueMarks(nowMs, 4, 2)).toHaveLength(2)
    const marks = await on.store.dueMarks(nowMs, 4, 100)
    expect(marks.map(({ dueMs }) => dueMs / DAY_MS)).toEqual([3, 3, 3, 5, 5].slice(0, marks.length))
    expect(new Set(marks.map(({ customerId }) => customerId)).size).toBe(marks.length)
    const ranges = rangesAt(marks)
    const parts: string[][][] = []
    // In any order: here the last one first.
    for (const range of ranges.toReversed()) parts.unshift(await all(range))
    expect(parts.flat().toSorted()).toEqual(everybody.toSorted())
    expect(parts[0]!.map(([, customer]) => customer)).toContain('late')
    for (const part of parts.slice(0, 4)) expect(part.length).toBeLessThanOrEqual(4)
  })

  it('are found in the order of an index, and not sorted, though thousands are due at one instant', async () => {
    const { db } = on.backend
    await rows(
      db,
      sql`insert into subscriptions (tenant_id, id, customer_id, due_at, created_at, state)
        select ${on.tenantId}::uuid, gen_random_uuid(), 'c' || n % 1000, '1970-01-10T00:00:00Z', now(), '{}'
        from generate_series(1, 5000) as n`,
    )
    await rows(db, sql`analyze subscriptions`)
    const plan = await rows<{ 'QUERY PLAN': string }>(db, sql`explain ${dueStatement(10 * DAY_MS, 100)}`)
    const text = plan.map((row) => row['QUERY PLAN']).join('\n')
    expect(text).toContain('subscriptions_due_order')
    expect(text).not.toMatch(/Sort|Seq Scan/)
    const planOf = async (statement: SQL) => {
      const lines = await rows<{ 'QUERY PLAN': string }>(db, sql`explain ${statement}`)
      return lines.map((row) => row['QUERY PLAN']).join('\n')
    }
    const at = (customerId: string) => ({ dueMs: 9 * DAY_MS, tenantId: on.tenantId, customerId })
    const ofRange = await planOf(dueStatement(10 * DAY_MS, 100, { from: at('c4'), to: at('c5') }))
    expect(ofRange).toMatch(/Index Cond:.*ROW\(due_at, tenant_id, customer_id\) >= ROW/)
    expect(ofRange).toMatch(/using subscriptions_customer on subscriptions earlier/)
    expect(ofRange).not.toMatch(/Sort|Seq Scan/)
    expect(await planOf(dueMarksStatement(10 * DAY_MS, 10, 19))).toMatch(
      /Index (Only )?Scan using subscriptions_due_order/,
    )
    await rows(db, sql`delete from subscriptions where tenant_id = ${on.tenantId}::uuid`)
  })
})
