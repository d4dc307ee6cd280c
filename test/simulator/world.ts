// One simulated installation: isolates, clients and stores under one clock, and the oracle that watches them.

import { sql } from 'drizzle-orm'
import { historyOf } from '../../src/metering/history.ts'
import { defaultLimits, type Limits } from '../../src/metering/limits.ts'
import type { RecordBatch } from '../../src/metering/ports.ts'
import { meterId } from '../support/metering.ts'
import { Acceptances } from './acceptances.ts'
import { Answered } from './answered.ts'
import type { Bug, Counters } from './bug.ts'
import { Erasures } from './erasures.ts'
import { countsOf, unitsOf } from './expected.ts'
import type { Actor } from './network.ts'
import { type Identity, Oracle, type SimEvent } from './oracle.ts'
import { customerIds, digitsMeter, type Kind, kinds, metersOf, type Setup } from './plan.ts'
import type { VirtualTime } from './random.ts'
import { Revisions, revisedMeters } from './revisions.ts'
import { Stage } from './stage.ts'
import type { FarEnds, Image, PostgresImage } from './stores.ts'

/** A meter that is made, and perhaps archived, while events come in: when each change began and when it was acknowledged. */
export type Extra = {
  tenant: number
  n: number
  createBegunAt: number
  createdAt: number | null
  archiveBegunAt: number | null
  archivedAt: number | null
}

/** A state of one of the databases of counters (the first, if it isn't said), and when that was. */
export type RedisImage = { redis: Image; at: number; atMs: number; database?: number }

/** An event that no meter counts. */
export type Whisper = {
  tenant: number
  id: string
  sent: Record<string, unknown>
  /** answered with success since Redis went back last */
  acked: boolean
  firstSentMs: number
}

export class World extends Stage<Setup> {
  readonly oracle = new Oracle()
  readonly extras: Extra[] = []
  readonly whispers: Whisper[] = []
  /** what a replica has, or a backup: Redis as it was, and when that was */
  image: RedisImage | null = null
  /** a backup of Postgres */
  postgresImage: { tables: PostgresImage; at: number; atMs: number } | null = null
  /** when Postgres was put back (or Redis, after Postgres was), while what Postgres lacks is not offered again yet */
  missingSinceMs: number | null = null
  /** how often that began */
  gaps = 0
  postgresRestores = 0
  readonly acceptances = new Acceptances()
  readonly answered = new Answered()
  readonly erasures = new Erasures(this.oracle)
  readonly revisions: Revisions
  /** which actor sends which events */
  readonly senders = new Map<Actor, SimEvent[]>()

  constructor(setup: Setup, ends: FarEnds, time: VirtualTime, bug?: Bug) {
    const limits: Limits = {
      ...defaultLimits,
      segmentMaxCounters: setup.segmentMaxCounters,
      segmentsPerFlush: setup.segmentsPerFlush,
      dedupeLayout: setup.dedupeTexts ?? { kind: 'hash', ids: setup.dedupeMaxIds },
      backlogMaxCounters: setup.backlogMaxCounters,
      backlogMaxCountersPerTenant: setup.backlogMaxCounters / 2,
    }
    super(setup, ends, time, limits, bug)
    this.revisions = new Revisions(this)
  }

  async begin(): Promise<void> {
    for (const database of this.databases) await database.empty()
    await this.postgres.empty()
    const tenants = this.tenants.map(({ id, number, timezone }) => ({ id, name: `t${number}`, timezone }))
    const meters = this.tenants.flatMap(({ id }) =>
      [...metersOf(this.setup), ...revisedMeters(this.setup)].map((meter) => ({ ...meter, tenant: id })),
    )
    await this.postgres.look(sql`
      with made as (
        insert into tenants (id, name, timezone, currency, log_since)
        select id, name, timezone, 'USD', now() from json_to_recordset(${JSON.stringify(tenants)}::json) as t (id uuid, name text, timezone text)
      )
      insert into meters (tenant_id, id, key, resource_type, aggregation, value, group_by, missing, filter)
      select tenant, id, key, "resourceType", aggregation, value, "groupBy", missing, filter
      from json_to_recordset(${JSON.stringify(meters)}::json)
        as m (tenant uuid, id text, key text, "resourceType" text, aggregation text, value text, "groupBy" jsonb,
          missing text, filter jsonb)`)
    await this.revisions.look()
  }

  /** Tells what goes out, as it goes out; what becomes of it is seen on the wire. */
  override watched(counters: Counters): Counters {
    return new Proxy(counters, {
      get: (target, name) => {
        const member = (target as unknown as Record<PropertyKey, unknown>)[name]
        if (name !== 'record') return typeof member === 'function' ? member.bind(target) : member
        return (batch: RecordBatch) => {
          const tenant = this.tenants.find(({ id }) => id === batch.tenantId)!.number
          this.acceptances.sending(batch, (customer, kind) => this.oracle.eventsOf(tenant, customer, kind))
          return counters.record(batch)
        }
      },
    })
  }

  override recorded(isolate: number, database: number, args: string[], reply: unknown): void {
    const [now, { nowMs }] = [this.oracle.now, this.time]
    this.acceptances.applied({ isolate, database, now, nowMs }, args, reply)
  }

  override async executed(actor: string): Promise<void> {
    if (this.revisions.mayMove(actor)) await this.revisions.look()
  }

  customer(n: number): string {
    return customerIds[n % this.setup.customers]!
  }

  override kill(number: number): void {
    for (const actor of this.senders.keys()) if (actor.isolate === number) actor.unsure = true
    super.kill(number)
  }

  /** Where single events are joined, a call may hold events of other actors than the one that made it. */
  #carriesForOthers(isolate: number): boolean {
    return (
      this.setup.coalesce &&
      this.network.parked.some(({ name, actor }) => name === 'record' && actor.isolate === isolate)
    )
  }

  /** Events of which some sending may yet be applied. */
  protected onTheWire(): Set<SimEvent> {
    return new Set(
      [...this.senders]
        .filter(([actor]) => actor.calls > 0 || !actor.done || this.#carriesForOthers(actor.isolate))
        .flatMap(([, events]) => events),
    )
  }

  /** Whether reads of a tenant that begin now may lack something. */
  lacks(_tenant: number): boolean {
    return this.missingSinceMs !== null
  }

  /** Whether an id may be another customer's, too. */
  sharesIds(_one: string, _other: string): boolean {
    return true
  }

  /** Whether something of a sender may yet be applied, whatever it is answered. */
  isUnsure({ unsure, isolate }: Actor): boolean {
    return (
      unsure ||
      (this.setup.coalesce && [...this.senders.keys()].some((one) => one.unsure && one.isolate === isolate))
    )
  }

  /** How often Postgres has each event, by its tenant, customer, kind and digit; in all, or as history alone. */
  async settledCounts(only: 'all' | 'history' = 'all'): Promise<(event: SimEvent) => number> {
    const idsOf = (kind: Kind) => {
      const id = meterId(digitsMeter[kind])
      return only === 'all' ? [id, historyOf(id)] : [historyOf(id)]
    }
    const found = await this.postgres.look<{
      tenant: string
      customer: string
      meter: string
      total: string
    }>(sql`
      select tenant_id::text as tenant, customer_id as customer, meter, sum(a)::text as total from usage
      where tenant_id = any(array(select json_array_elements_text(${JSON.stringify(this.tenants.map(({ id }) => id))}::json)::uuid))
        and meter = any(array(select json_array_elements_text(${JSON.stringify(kinds.flatMap(idsOf))}::json)))
      group by 1, 2, 3`)
    const counts = new Map(
      found.map(({ tenant, customer, meter, total }) => [
        `${tenant} ${customer} ${meter}`,
        countsOf(unitsOf(total)).counts,
      ]),
    )
    return ({ tenant, customer, kind, digit }) =>
      idsOf(kind)
        .map((id) => counts.get(`${this.tenants[tenant]!.id} ${customer} ${id}`)?.[digit] ?? 0)
        .reduce((sum, count) => sum + count, 0)
  }

  /** Puts Postgres back to its backup. What it has lost since is in Redis, kept, until it is offered again. */
  async restorePostgres(): Promise<void> {
    const image = this.postgresImage
    if (image === null || this.time.nowMs - image.atMs > BACKUP_MAX_AGE_MS) return
    await this.postgres.restore(image.tables)
    this.begunMissing()
    this.postgresRestores++
    this.erasures.postgresWentBack(image.at)
    await this.revisions.postgresWentBack()
    if (this.oracle.rollbacks > 0) this.oracle.settledAtMost(await this.settledCounts())
    // Meters that were made since are gone with it.
    for (let i = this.extras.length - 1; i >= 0; i--) {
      const { createdAt } = this.extras[i]!
      if (createdAt === null || createdAt > image.at) this.extras.splice(i, 1)
    }
  }

  protected begunMissing(): void {
    this.missingSinceMs = this.time.nowMs
    this.gaps++
  }

  /** Whether an isolate knows exactly what was accepted of its own, and nobody else counts in its slot. */
  isReliable(number: number, _tenant: number): boolean {
    return (
      this.setup.slots === 16 &&
      this.isolatesMade <= 16 &&
      this.isolates.some((isolate) => isolate.number === number) &&
      !this.network.unheard.has(number)
    )
  }

  goesBack(store: 'redis' | 'postgres'): boolean {
    return this.setup.goesBack === store || this.setup.goesBack === 'both'
  }

  /** While Postgres lacks something, not so much of it that Redis forgets it. */
  override wait(ms: number): void {
    this.time.advance(this.missingSinceMs === null ? ms : Math.min(ms, 10_000))
  }

  /** Puts Redis back to what it was; events that were acknowledged since are lost unless Postgres has them. */
  async rollBack(to: RedisImage): Promise<void> {
    if (this.time.nowMs - to.atMs > REDIS_IMAGE_MAX_AGE_MS && this.setup.goesBack === 'both') return
    const settled = await this.settledCounts()
    const onTheWire = this.onTheWire()
    const database = to.database ?? 0
    await this.databases[database]!.restore(to.redis)
    this.erasures.redisWentBack(to.at)
    this.revisions.redisWentBack()
    for (const { name, actor } of this.network.parked)
      if (name === 'record') this.network.unheard.add(actor.isolate)
    const held = (id: Identity) =>
      this.databases.length === 1 || this.acceptances.wasAccepted(id.variants, database, to.at)
    this.oracle.rolledBack(to.at, settled, (event) => onTheWire.has(event), held)
    this.oracle.now++
    for (const whisper of this.whispers) whisper.acked = false
    // What was offered again may be back among what is kept.
    if (this.postgresRestores > 0) this.begunMissing()
  }
}

/** How long before Postgres is put back its backup was made, at most: kept segments have to outlive that. */
export const BACKUP_MAX_AGE_MS = 1_800_000
/** … and a state of Redis, where Postgres may be put back, too: what is kept in it has to be kept still. */
const REDIS_IMAGE_MAX_AGE_MS = 600_000
