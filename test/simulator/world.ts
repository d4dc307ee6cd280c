// One simulated installation: isolates, clients and stores under one clock, and the oracle that watches them.

import { sql } from 'drizzle-orm'
import { TollgateError } from '../../src/kernel/errors.ts'
import { defaultLimits, type Limits } from '../../src/metering/limits.ts'
import { Acceptances } from './acceptances.ts'
import type { Bug } from './bug.ts'
import { countsOf, unitsOf } from './expected.ts'
import { Isolate } from './isolate.ts'
import { type Actor, type Fate, Network, quiet } from './network.ts'
import { Oracle, type SimEvent } from './oracle.ts'
import { baseMeters, customerIds, digitsMeter, type Kind, type Setup } from './plan.ts'
import type { VirtualTime } from './random.ts'
import type { FarEnds, Image, PostgresImage, PostgresServer, RedisServer } from './stores.ts'
import { laws, Violation } from './violation.ts'

export type Tenant = { number: number; id: string; timezone: string }

/** A meter that is made, and perhaps archived, while events come in: when each change began and when it was acknowledged. */
export type Extra = {
  tenant: number
  n: number
  createBegunAt: number
  createdAt: number | null
  archiveBegunAt: number | null
  archivedAt: number | null
}

/** How an actor's calls go: the first ones are delivered at once, with these fates; the rest well, too, or they wait on the wire for `deliver`. */
export type Pace = { fates: Fate[]; rest: 'ok' | 'parked' }
export const smoothly: Pace = { fates: [], rest: 'ok' }

export class World {
  readonly time: VirtualTime
  readonly setup: Setup
  readonly bug: Bug | undefined
  readonly limits: Limits
  readonly oracle = new Oracle()
  readonly network: Network
  readonly redis: RedisServer
  readonly postgres: PostgresServer
  readonly tenants: Tenant[]
  readonly extras: Extra[] = []
  isolates: Isolate[]
  /** what a replica has, or a backup: Redis as it was, and when that was */
  image: { redis: Image; at: number; atMs: number } | null = null
  /** a backup of Postgres */
  postgresImage: { tables: PostgresImage; at: number; atMs: number } | null = null
  /** when Postgres was put back (or Redis, after Postgres was), while what Postgres lacks is not offered again yet */
  missingSinceMs: number | null = null
  /** how often that began */
  gaps = 0
  postgresRestores = 0
  readonly acceptances = new Acceptances()
  /** which actor sends which events */
  readonly senders = new Map<Actor, SimEvent[]>()
  #isolatesMade = 0
  #violation: unknown

  constructor(setup: Setup, ends: FarEnds, time: VirtualTime, bug?: Bug) {
    this.time = time
    this.setup = setup
    this.bug = bug
    this.limits = {
      ...defaultLimits,
      segmentMaxCounters: setup.segmentMaxCounters,
      segmentsPerFlush: setup.segmentsPerFlush,
      dedupeMaxIds: setup.dedupeMaxIds,
      backlogMaxCounters: setup.backlogMaxCounters,
      backlogMaxCountersPerTenant: setup.backlogMaxCounters / 2,
      ...bug?.limits,
    }
    time.slots = setup.slots
    this.redis = ends.redis(bug)
    this.postgres = ends.postgres(bug)
    this.network = new Network(time, (isolate) => this.kill(isolate))
    this.tenants = setup.tenants.map((timezone, number) => ({ number, id: crypto.randomUUID(), timezone }))
    this.isolates = setup.skewsMs.map((skewMs) => this.#newIsolate(skewMs))
  }

  async begin(): Promise<void> {
    await this.redis.empty()
    await this.postgres.empty()
    const tenants = this.tenants.map(({ id, number, timezone }) => ({ id, name: `t${number}`, timezone }))
    const meters = this.tenants.flatMap(({ id }) =>
      baseMeters.map((meter) => ({ ...meter, tenant: id, groupBy: JSON.stringify(meter.groupBy) })),
    )
    await this.postgres.look(sql`
      with made as (
        insert into tenants (id, name, timezone, currency)
        select id, name, timezone, 'USD' from json_to_recordset(${JSON.stringify(tenants)}::json) as t (id uuid, name text, timezone text)
      )
      insert into meters (tenant_id, key, resource_type, aggregation, value, group_by)
      select tenant, key, "resourceType", aggregation, value, "groupBy"::jsonb
      from json_to_recordset(${JSON.stringify(meters)}::json)
        as m (tenant uuid, key text, "resourceType" text, aggregation text, value text, "groupBy" text)`)
  }

  #newIsolate(skewMs: number): Isolate {
    return new Isolate(this, this.#isolatesMade++, skewMs)
  }

  isolate(n: number): Isolate {
    return this.isolates[n % this.isolates.length]!
  }

  tenant(n: number): Tenant {
    return this.tenants[n % this.tenants.length]!
  }

  customer(n: number): string {
    return customerIds[n % this.setup.customers]!
  }

  /** The process is gone, with all that it was doing; another one takes its place, with empty caches and its clock. */
  kill(number: number): void {
    const at = this.isolates.findIndex((isolate) => isolate.number === number)
    if (at === -1) return
    this.network.orphan(number)
    for (const actor of this.senders.keys()) if (actor.isolate === number) actor.unsure = true
    this.isolates[at] = this.#newIsolate(this.isolates[at]!.skewMs)
  }

  /** Starts an actor in an isolate. What the body throws, other than that a store can't be reached, fails the schedule. */
  async start(
    name: string,
    isolate: Isolate,
    pace: Pace,
    body: (actor: Actor) => Promise<void>,
  ): Promise<Actor> {
    const actor: Actor = {
      name,
      isolate: isolate.number,
      startedMs: this.time.nowMs,
      done: false,
      unsure: false,
      calls: 0,
    }
    this.time.advance(7)
    void this.network
      .act(actor, () => body(actor))
      .catch((error: unknown) => {
        if (!isStoreFailure(error)) this.#violation ??= error
      })
      .finally(() => {
        actor.done = true
      })
    // With open wires the stores take some turns of the event loop.
    do await quiet()
    while (this.network.open && !actor.done)
    await this.#hurry(actor, pace)
    return actor
  }

  async #hurry(actor: Actor, { fates, rest }: Pace): Promise<void> {
    const left = [...fates]
    while (!actor.done && this.network.parked.some((call) => call.actor === actor && call.answer !== null)) {
      const fate = left.shift() ?? (rest === 'ok' ? 'ok' : null)
      if (fate === null) return
      await this.network.deliver(actor, fate)
    }
  }

  /** Where single events are joined, a call may hold events of other actors than the one that made it. */
  #carriesForOthers(isolate: number): boolean {
    return (
      this.setup.coalesce &&
      this.network.parked.some(({ name, actor }) => name === 'record' && actor.isolate === isolate)
    )
  }

  /** Whether something of a sender may yet be applied, whatever it is answered. */
  isUnsure({ unsure, isolate }: Actor): boolean {
    return (
      unsure ||
      (this.setup.coalesce && [...this.senders.keys()].some((one) => one.unsure && one.isolate === isolate))
    )
  }

  /** Throws what went wrong in an actor. */
  check(): void {
    if (this.#violation === undefined) return
    if (this.#violation instanceof Violation) throw this.#violation
    const error = this.#violation as Error
    throw new Violation(laws.answers, `an actor failed with ${error.stack ?? String(error)}`)
  }

  /** How often Postgres has each event, by its tenant, customer, kind and digit. */
  async settledCounts(): Promise<(event: SimEvent) => number> {
    const found = await this.postgres.look<{
      tenant: string
      customer: string
      meter: string
      total: string
    }>(sql`
      select tenant_id::text as tenant, customer_id as customer, meter, sum(a)::text as total from usage
      where tenant_id = any(array(select json_array_elements_text(${JSON.stringify(this.tenants.map(({ id }) => id))}::json)::uuid))
        and meter in ('call_digits', 'gauge_digits')
      group by 1, 2, 3`)
    const counts = new Map(
      found.map(({ tenant, customer, meter, total }) => [
        `${tenant} ${customer} ${meter}`,
        countsOf(unitsOf(total)).counts,
      ]),
    )
    const meterOf = (kind: Kind) => digitsMeter[kind]
    return ({ tenant, customer, kind, digit }) =>
      counts.get(`${this.tenants[tenant]!.id} ${customer} ${meterOf(kind)}`)?.[digit] ?? 0
  }

  /** Puts Postgres back to its backup. What it has lost since is in Redis, kept, until it is offered again. */
  async restorePostgres(): Promise<void> {
    const image = this.postgresImage
    if (image === null || this.time.nowMs - image.atMs > BACKUP_MAX_AGE_MS) return
    await this.postgres.restore(image.tables)
    this.#begunMissing()
    this.postgresRestores++
    if (this.oracle.rollbacks > 0) this.oracle.settledAtMost(await this.settledCounts())
    // Meters that were made since are gone with it.
    for (let i = this.extras.length - 1; i >= 0; i--) {
      const { createdAt } = this.extras[i]!
      if (createdAt === null || createdAt > image.at) this.extras.splice(i, 1)
    }
  }

  #begunMissing(): void {
    this.missingSinceMs = this.time.nowMs
    this.gaps++
  }

  /** Whether an isolate knows exactly what was accepted of its own, and nobody else counts in its slot. */
  isReliable(number: number): boolean {
    return (
      this.setup.slots === 16 &&
      this.#isolatesMade <= 16 &&
      this.isolates.some((isolate) => isolate.number === number) &&
      !this.network.unheard.has(number)
    )
  }

  goesBack(store: 'redis' | 'postgres'): boolean {
    return this.setup.goesBack === store || this.setup.goesBack === 'both'
  }

  /** Time passes. While Postgres lacks something, not so much of it that Redis forgets it. */
  wait(ms: number): void {
    this.time.advance(this.missingSinceMs === null ? ms : Math.min(ms, 10_000))
  }

  /** Puts Redis back to what it was; events that were acknowledged since are lost unless Postgres has them. */
  async rollBack(to: { redis: Image; at: number; atMs: number }): Promise<void> {
    if (this.time.nowMs - to.atMs > REDIS_IMAGE_MAX_AGE_MS && this.setup.goesBack === 'both') return
    const settled = await this.settledCounts()
    const onTheWire = new Set(
      [...this.senders]
        .filter(([actor]) => actor.calls > 0 || !actor.done || this.#carriesForOthers(actor.isolate))
        .flatMap(([, events]) => events),
    )
    await this.redis.restore(to.redis)
    for (const { name, actor } of this.network.parked)
      if (name === 'record') this.network.unheard.add(actor.isolate)
    this.oracle.rolledBack(to.at, settled, (event) => onTheWire.has(event))
    this.oracle.now++
    // What was offered again may be back among what is kept.
    if (this.postgresRestores > 0) this.#begunMissing()
  }
}

/** How long before Postgres is put back its backup was made, at most: kept segments have to outlive that. */
export const BACKUP_MAX_AGE_MS = 1_800_000
/** … and a state of Redis, where Postgres may be put back, too: what is kept in it has to be kept still. */
const REDIS_IMAGE_MAX_AGE_MS = 600_000

export const isStoreFailure = (error: unknown): boolean =>
  error instanceof TollgateError && error.code === 'store_unavailable'
