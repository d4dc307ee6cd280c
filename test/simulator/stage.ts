// What every kind of simulation stands on: isolates with clocks of their own, wires to the two stores, and the actors that
// run in them.

import type { BillingSettings } from '../../src/billing/settings.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { Bug, Counters } from './bug.ts'
import { Isolate } from './isolate.ts'
import { type Actor, type Fate, Network, quiet } from './network.ts'
import { VirtualTime } from './random.ts'
import type { FarEnds, PostgresServer, RedisServer } from './stores.ts'
import { laws, Violation } from './violation.ts'

export type Tenant = { number: number; id: string; timezone: string }

/** How an actor's calls go: the first ones are delivered at once, with these fates; the rest well, too, or they wait on the wire for `deliver`. */
export type Pace = { fates: Fate[]; rest: 'ok' | 'parked' }
export const smoothly: Pace = { fates: [], rest: 'ok' }

export type StageSetup = {
  /** clocks of the isolates, ms off */
  skewsMs: number[]
  /** how often an isolate's Redis client sends a command again by itself */
  resends: number
  partitions: number
  /** how many databases hold them, where tenants are placed; absent: one, and no tenant is ever moved */
  databases?: number
  /** as on Node: single events that arrive at once go in one call */
  coalesce: boolean
  /** how many of the 16 slots of accounts are in use */
  slots: number
  billing?: Partial<BillingSettings>
  /** time zones */
  tenants: string[]
}

export class Stage<Setup extends StageSetup = StageSetup> {
  readonly time: VirtualTime
  readonly setup: Setup
  readonly bug: Bug | undefined
  readonly limits: Limits
  readonly network: Network
  readonly databases: RedisServer[]
  readonly postgres: PostgresServer
  readonly tenants: Tenant[]
  isolates: Isolate[]
  #isolatesMade = 0
  #violation: unknown

  constructor(setup: Setup, ends: FarEnds, time: VirtualTime, limits: Limits, bug?: Bug) {
    this.time = time
    this.setup = setup
    this.bug = bug
    this.limits = { ...limits, ...bug?.limits }
    this.databases = Array.from({ length: setup.databases ?? 1 }, (_, n) => ends.redis(bug, n))
    this.postgres = ends.postgres(bug)
    this.network = new Network(time, (isolate) => this.kill(isolate))
    this.tenants = setup.tenants.map((timezone, number) => ({ number, id: crypto.randomUUID(), timezone }))
    this.isolates = setup.skewsMs.map((skewMs) => this.#newIsolate(skewMs))
  }

  /** the first database, which is the only one where tenants are not placed */
  get redis(): RedisServer {
    return this.databases[0]!
  }

  get isolatesMade(): number {
    return this.#isolatesMade
  }

  /** Isolates take the slots in turn. */
  #newIsolate(skewMs: number): Isolate {
    const number = this.#isolatesMade++
    return VirtualTime.drawing(
      ((number % this.setup.slots) + 0.5) / 16,
      () => new Isolate(this, number, skewMs),
    )
  }

  /** The counters, watched as they go out. */
  watched(counters: Counters): Counters {
    return counters
  }

  /** A record script was run for an isolate. */
  recorded(_isolate: number, _database: number, _args: string[], _reply: unknown): void {}

  /** A statement was run in Postgres for an actor. */
  async executed(_actor: string): Promise<void> {}

  isolate(n: number): Isolate {
    return this.isolates[n % this.isolates.length]!
  }

  tenant(n: number): Tenant {
    return this.tenants[n % this.tenants.length]!
  }

  /** The process is gone, with all that it was doing; another one takes its place, with empty caches and its clock. */
  kill(number: number): void {
    const at = this.isolates.findIndex((isolate) => isolate.number === number)
    if (at === -1) return
    this.network.orphan(number)
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

  /** What was held up goes on, and well. */
  finish(actor: Actor): Promise<void> {
    return this.#hurry(actor, smoothly)
  }

  /** Throws what went wrong in an actor. */
  check(): void {
    if (this.#violation === undefined) return
    if (this.#violation instanceof Violation) throw this.#violation
    const error = this.#violation as Error
    throw new Violation(laws.answers, `an actor failed with ${error.stack ?? String(error)}`)
  }

  /** Time passes. */
  wait(ms: number): void {
    this.time.advance(ms)
  }
}

export const isStoreFailure = (error: unknown): boolean =>
  error instanceof TollgateError && ['store_unavailable', 'memory_full'].includes(error.code)
