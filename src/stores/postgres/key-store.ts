// API keys in Postgres, by their hash, and the configuration that a key leads to.

import { type SQL, sql } from 'drizzle-orm'
import type { ApiKey } from '../../access/api-key.ts'
import { KEYS_PER_TENANT, type KeyStore, type NewKey } from '../../access/ports.ts'
import { TollgateError } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/page.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { apiKeyFrom, configFrom } from './rows.ts'

/**
 * A tenant with all its meters, in their keys' order, and their revisions but those that were cancelled: a row of `tenants` must
 * be in scope. A day after it was replaced, nobody reads from a revision what its successor counts.
 */
export const configJson: SQL = sql`jsonb_build_object(
  'tenant', to_jsonb(tenants),
  'placement', (select placement from placements where placements.tenant_id = tenants.id),
  'meters', coalesce(
    (select jsonb_agg(to_jsonb(meters) || jsonb_build_object('retired', replaced_at < now() - interval '1 day')
      order by meters.key, meters.revision)
      from meters where meters.tenant_id = tenants.id and meters.state <> 'cancelled'),
    '[]'::jsonb
  ))::text`

type KeyCreated = { kind: 'created'; key: ApiKey } | { kind: 'no_tenant' | 'too_many' }

export class PostgresKeyStore implements KeyStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** The bound is not strict: of two keys that are made at the same instant, both may be the last one. */
  async createKey(tenantId: string, key: NewKey): Promise<KeyCreated> {
    return await changing(() => this.#createKey(tenantId, key))
  }

  async #createKey(tenantId: string, key: NewKey): Promise<KeyCreated | null> {
    const [row] = await query<{ key: string | null; full: string }>(
      this.#db,
      sql`
        with tenant as (
          select id, (select count(*) from api_keys where tenant_id = tenants.id and revoked_at is null) as keys
          from tenants where id = ${tenantId}::uuid
        ), existing as (
          select api_keys.* from api_keys join tenant on tenant.id = api_keys.tenant_id
          where api_keys.id = ${key.id}::uuid and hash = ${key.hash}::text
        ), key as (
          insert into api_keys (id, tenant_id, name, hash, hint)
          select ${key.id}::uuid, tenant.id, ${key.name}::text, ${key.hash}::text, ${key.hint}::text
          from tenant where keys < ${KEYS_PER_TENANT}::int and not exists (select 1 from existing)
          on conflict do nothing
          returning *
        )
        select (select to_jsonb(key)::text from (select * from key union all select * from existing) as key) as key,
          (keys >= ${KEYS_PER_TENANT}::int)::text as full
        from tenant`,
    )
    if (!row) return { kind: 'no_tenant' }
    if (row.key !== null) return { kind: 'created', key: apiKeyFrom(row.key) }
    return row.full === 'true' ? { kind: 'too_many' } : null
  }

  async listKeys(tenantId: string, { after, limit }: PageRequest): Promise<ApiKey[] | null> {
    const found = await query<{ key: string | null }>(
      this.#db,
      sql`
        select to_jsonb(key)::text as key
        from tenants left join lateral (
          select * from api_keys
          where tenant_id = tenants.id and (${after}::uuid is null or (created_at, id) > (
            select last.created_at, last.id from api_keys as last
            where last.tenant_id = tenants.id and last.id = ${after}::uuid))
          order by created_at, id limit ${limit + 1}::int
        ) as key on true
        where tenants.id = ${tenantId}::uuid
        order by key.created_at, key.id`,
    )
    if (found.length === 0) return null
    return found.flatMap((row) => (row.key === null ? [] : [apiKeyFrom(row.key)]))
  }

  async revokeKey(id: string): Promise<{ hash: string } | null> {
    const [row] = await query<{ hash: string }>(
      this.#db,
      sql`update api_keys set revoked_at = coalesce(revoked_at, now()) where id = ${id}::uuid returning hash`,
    )
    return row ?? null
  }

  async findKey(hash: string): Promise<{ keyId: string; config: TenantConfig } | null> {
    const [row] = await query<{ id: string; config: string }>(
      this.#db,
      sql`
        select api_keys.id::text as id, ${configJson} as config
        from api_keys join tenants on tenants.id = api_keys.tenant_id
        where api_keys.hash = ${hash}::text and api_keys.revoked_at is null`,
    )
    return row ? { keyId: row.id, config: configFrom(row.config) } : null
  }

  async loadConfig(tenantId: string): Promise<TenantConfig> {
    const [row] = await query<{ config: string }>(
      this.#db,
      sql`select ${configJson} as config from tenants where id = ${tenantId}::uuid`,
    )
    if (!row) throw new TollgateError('not_found', `There is no tenant ${tenantId}.`)
    return configFrom(row.config)
  }

  async raiseConfigVersion(tenantId: string, atLeast: number): Promise<void> {
    await query(
      this.#db,
      sql`
        update tenants set config_version = ${atLeast}::bigint
        where id = ${tenantId}::uuid and config_version < ${atLeast}::bigint`,
    )
  }
}
