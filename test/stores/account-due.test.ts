import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { dueStatement } from '../../src/stores/postgres/account-statements.ts'
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
    await rows(db, sql`delete from subscriptions where tenant_id = ${on.tenantId}::uuid`)
  })
})
