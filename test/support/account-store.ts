// An account store on a backend, with a tenant of its own for each test: call it in a `describe`.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Account, AccountChange } from '../../src/billing/account.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { changeOf, newId } from './accounts.ts'
import type { PostgresBackend } from './postgres.ts'

export class AccountTables {
  backend!: PostgresBackend
  store!: PostgresAccountStore
  tenantId = ''

  async load(customerId: string, invoiceIds: string[] = []): Promise<Account> {
    return (await this.store.loadAccounts(this.tenantId, [customerId], { invoiceIds }))[0]!
  }

  /** Saves on top of what is there; gives the numbers that were given. */
  async save(customerId: string, more: Partial<AccountChange>): Promise<Map<string, number>> {
    const { version } = await this.load(customerId)
    const [saved] = await this.store.saveAccounts(this.tenantId, [changeOf(customerId, version, more)])
    return saved!.numbers
  }

  async numbersThere(table: 'invoices' | 'credit_notes' = 'invoices'): Promise<number[]> {
    const found = await rows(
      this.backend.db,
      sql`select number::text as number from ${sql.identifier(table)}
        where tenant_id = ${this.tenantId}::uuid and number is not null`,
    )
    return found.map(({ number }) => Number(number)).sort((x, y) => x - y)
  }
}

export function accountStoreOn(open: () => Promise<PostgresBackend>): AccountTables {
  const on = new AccountTables()
  beforeAll(async () => {
    on.backend = await open()
    on.store = new PostgresAccountStore(on.backend.db)
  })
  afterAll(() => on.backend?.close())
  beforeEach(() => {
    on.tenantId = newId()
  })
  return on
}
