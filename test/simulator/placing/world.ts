// Tenants in several databases, which are moved and spread while all else goes on. What a database that goes back forgets of where a
// tenant is, is open for as long as a server may go by what it has cached.

import { sql } from 'drizzle-orm'
import { PLACEMENT_MAX_AGE_MS } from '../../../src/access/placement-cache.ts'
import { FIRST_NONCE, firstPlacement } from '../../../src/metering/placement/placement.ts'
import { databaseNames } from '../isolate.ts'
import type { Actor } from '../network.ts'
import type { RedisServer } from '../stores.ts'
import { type RedisImage, World } from '../world.ts'
import type { PlacedSetup } from './setup.ts'

const PLACEMENT_FIELD = 'p:'

export class PlacedWorld extends World {
  /** tenants that were ever moved, by their numbers; and those that were ever spread */
  readonly moved = new Set<number>()
  readonly spread = new Set<number>()
  /** until when a server may go by a placement that nobody refuses any more */
  readonly #strayUntilMs = new Map<number, number>()

  get placed(): PlacedSetup {
    return this.setup as PlacedSetup
  }

  /** The partitions that there are at first: those that the installation began with, and one more in each database. */
  get partitions(): { id: number; database: string }[] {
    const { partitions, databases } = this.placed
    const first = Array.from({ length: partitions }, (_, id) => ({
      id,
      database: databaseNames[0] as string,
    }))
    const others = databaseNames.slice(databases === 1 ? 0 : 1, databases)
    return [...first, ...others.map((database, i) => ({ id: partitions + i, database }))]
  }

  override async begin(): Promise<void> {
    await super.begin()
    await this.postgres.look(sql`
      insert into partitions (id, database) select id, database
      from json_to_recordset(${JSON.stringify(this.partitions)}::json) as t (id int, database text)`)
    if (!this.placed.werePlaced) return
    const placements = this.tenants.map(({ id, number }) => ({
      id,
      placement: firstPlacement(number % this.partitions.length),
    }))
    await this.postgres.look(sql`
      insert into placements (tenant_id, version, nonce, placement) select id, 0, ${FIRST_NONCE}::text, placement
      from json_to_recordset(${JSON.stringify(placements)}::json) as t (id uuid, placement jsonb)`)
  }

  /** The nth database. */
  database(n: number): { database: number; server: RedisServer } {
    const database = n % this.databases.length
    return { database, server: this.databases[database]! }
  }

  /** The database of a tenant's home, or of its first one, as Postgres has it. */
  async homeDatabase(tenantId: string): Promise<number> {
    const [row] = await this.postgres.look<{ database: string }>(sql`
      select database from placements join partitions on partitions.id = (placement -> 'home' ->> 0)::int
      where tenant_id = ${tenantId}::uuid`)
    return Math.max(0, (databaseNames as readonly string[]).indexOf(row?.database ?? ''))
  }

  override sharesIds(one: string, other: string): boolean {
    return !this.placed.spreads || one === other
  }

  /** A batch of a tenant that is spread is counted or refused by parts. */
  override isUnsure(actor: Actor): boolean {
    const [event] = this.senders.get(actor) ?? []
    return super.isUnsure(actor) || (event !== undefined && this.spread.has(event.tenant))
  }

  override isReliable(isolate: number, tenant: number): boolean {
    return super.isReliable(isolate, tenant) && !this.moved.has(tenant)
  }

  override lacks(tenant: number): boolean {
    return super.lacks(tenant) || (this.#strayUntilMs.get(tenant) ?? 0) > this.time.nowMs
  }

  override async rollBack(to: RedisImage): Promise<void> {
    const server = this.databases[to.database ?? 0]!
    const before = await this.#placementsKnown(server)
    await super.rollBack(to)
    const after = await this.#placementsKnown(server)
    const pending = this.onTheWire()
    for (const { id, number } of this.tenants) {
      const forgotten = [...before].some(([field, known]) => field.endsWith(id) && after.get(field) !== known)
      if (!forgotten) continue
      this.oracle.strayed(number, (event) => pending.has(event))
      this.#strayUntilMs.set(number, this.time.nowMs + PLACEMENT_MAX_AGE_MS)
      // Reads that are under way may lack something, too.
      this.gaps++
    }
  }

  /** What the partitions in a database know of where tenants are, past every wire. */
  async #placementsKnown(server: RedisServer): Promise<Map<string, string>> {
    const known = new Map<string, string>()
    for (const { key, type, elements } of await server.image()) {
      if (type !== 'hash' || !key.endsWith(':meta')) continue
      for (let i = 0; i < elements.length; i += 2)
        if (elements[i]!.startsWith(PLACEMENT_FIELD)) known.set(`${key} ${elements[i]}`, elements[i + 1]!)
    }
    return known
  }
}
