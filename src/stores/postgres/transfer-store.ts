// Imports and exports over Postgres.

import { type SQL, sql } from 'drizzle-orm'
import type { PageRequest } from '../../kernel/page.ts'
import { TRANSFER_DAYS, type Transfer, type TransferKind, type TransferStore } from '../../log/transfer.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

type Row = { id: string; state: string; created: string; updated: string }

const columns = sql`id::text as id, state::text as state,
  (extract(epoch from created_at) * 1000)::bigint::text as created, (extract(epoch from updated_at) * 1000)::bigint::text as updated`

export class PostgresTransferStore implements TransferStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async saveTransfer(tenantId: string, kind: TransferKind, id: string, state: object): Promise<void> {
    await query(
      this.#db,
      sql`
      with saved as (
        insert into transfers (tenant_id, id, kind, state)
        values (${tenantId}::uuid, ${id}::uuid, ${kind}::text, ${JSON.stringify(state)}::jsonb)
        on conflict (tenant_id, id) do update set state = excluded.state, updated_at = now()
        where transfers.kind = excluded.kind
        returning created_at = updated_at as is_new
      ), forgotten as (
        delete from transfers
        where (select is_new from saved) and tenant_id = ${tenantId}::uuid and kind = ${kind}::text
          and created_at < now() - make_interval(days => ${TRANSFER_DAYS}::int)
      )
      select '1' as one`,
    )
  }

  async findTransfer<State>(
    tenantId: string,
    kind: TransferKind,
    id: string,
  ): Promise<Transfer<State> | null> {
    const [found] = await this.#select<State>(
      sql`tenant_id = ${tenantId}::uuid and kind = ${kind}::text and id = ${id}::uuid`,
      1,
    )
    return found ?? null
  }

  listTransfers<State>(
    tenantId: string,
    kind: TransferKind,
    { after, limit }: PageRequest,
  ): Promise<Transfer<State>[]> {
    return this.#select<State>(
      sql`tenant_id = ${tenantId}::uuid and kind = ${kind}::text
        and (${after}::uuid is null or (created_at, id) < (
          select last.created_at, last.id from transfers as last
          where last.tenant_id = ${tenantId}::uuid and last.id = ${after}::uuid))`,
      limit + 1,
    )
  }

  async #select<State>(which: SQL, limit: number): Promise<Transfer<State>[]> {
    const found = await query<Row>(
      this.#db,
      sql`select ${columns} from transfers where ${which} order by created_at desc, id desc limit ${limit}::int`,
    )
    return found.map(({ id, state, created, updated }) => ({
      id,
      state: JSON.parse(state) as State,
      createdMs: Number(created),
      updatedMs: Number(updated),
    }))
  }
}
