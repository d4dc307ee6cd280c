// All that runs in a round: the stores, the wires to them, and the app, once or twice side by side.

import { join } from 'node:path'
import { App } from './app.ts'
import { freePort } from './children.ts'
import type { PostgresServer } from './postgres-server.ts'
import type { Appendfsync, RedisServer } from './redis-server.ts'
import { Wire } from './wire.ts'

/** The nth database has the nth partition. */
const leaseOf = (n: number) => [`tg:{${n}}:meta`, 'lease_owner', 'lease_until'] as const
const NAMES = ['main', 'second', 'third']

export type EventLog = 'postgres' | 'folder'

export type SiteOptions = {
  apps: number
  /** a segment's age limit in seconds; 0: no fence */
  fenceSeconds: number
  appendfsync: Appendfsync
  /** of a database that is made for the round */
  database: string
  /** where blocks are kept */
  eventLog: EventLog
  /** of the app, beside what is set here */
  env?: Record<string, string>
}

/** What clients need of it: something that serves, and where to tell what must not happen. */
export type Served = {
  readonly apps: App[]
  readonly adminToken: string
  readonly violations: string[]
  breakLease(): Promise<void>
}

/** `redis`: a server for each database of counters */
export type Machine = { folder: string; redis: RedisServer[]; postgres: PostgresServer }

/** How far apart two nodes' clocks may be: what `src/config.ts` adds to a segment's age limit. */
const FENCE_SLACK_SECONDS = 15

export class Site implements Served {
  readonly databases: { name: string; redis: RedisServer; wire: Wire }[]
  /** the first database, and the wire to it */
  readonly redis: RedisServer
  readonly postgres: PostgresServer
  readonly wires: { redis: Wire; postgres: Wire }
  readonly adminToken = `admin-${crypto.randomUUID()}`
  readonly options: SiteOptions
  /** what must not happen, wherever it was noticed; the first one ends the round */
  readonly violations: string[] = []
  apps: App[] = []
  readonly #folder: string

  constructor({ folder, redis, postgres }: Machine, options: SiteOptions) {
    this.#folder = folder
    this.databases = redis.map((one, n) => ({ name: NAMES[n]!, redis: one, wire: new Wire(one.port) }))
    const [first] = this.databases as [Site['databases'][number]]
    this.redis = first.redis
    this.postgres = postgres
    this.options = options
    this.wires = { redis: first.wire, postgres: new Wire(postgres.port) }
  }

  async open(): Promise<void> {
    const { apps, fenceSeconds, appendfsync, database, eventLog, env: more } = this.options
    const starting = this.databases.map(({ redis }) => redis.startEmpty(appendfsync))
    await Promise.all([...starting, this.postgres.start()])
    await this.postgres.query(`create database ${database}`, 'postgres')
    const postgresPort = await this.wires.postgres.listen()
    const addresses: string[] = []
    for (const { wire } of this.databases) addresses.push(`redis://127.0.0.1:${await wire.listen()}`)
    const named = this.databases.map(({ name }, n) => `${name}=${addresses[n]}`).join(' ')
    const databaseUrl = new URL(this.postgres.url(database))
    databaseUrl.port = String(postgresPort)
    const env = {
      ADMIN_TOKEN: this.adminToken,
      ...(addresses.length === 1 ? { REDIS_URL: addresses[0]! } : { COUNTER_DATABASES: named }),
      DATABASE_URL: databaseUrl.href,
      SEGMENT_MAX_AGE_SECONDS: String(fenceSeconds),
      SETTLE_AFTER_SECONDS: String(fenceSeconds === 0 ? 0 : fenceSeconds + FENCE_SLACK_SECONDS),
      FLUSH_EVERY_SECONDS: '1',
      DEDUPE_WINDOW_HOURS: '1',
      EVENT_LOG: eventLog,
      EVENT_LOG_FOLDER: join(this.#folder, `log-${database}`),
      ...more,
    }
    for (let i = 0; i < apps; i++) {
      const port = await freePort()
      this.apps.push(
        new App({ folder: this.#folder, port, env }, (violation) => this.violations.push(violation)),
      )
    }
    // At once: the first start brings an empty database to the newest schema, and both try.
    for (const app of this.apps) app.start()
    await Promise.all(this.apps.map((app) => app.ready()))
  }

  /** Ends every fault that may still be in effect. */
  async heal(): Promise<void> {
    for (const wire of this.#wires()) wire.letGo()
    for (const { redis } of this.databases) redis.resume()
    for (const app of this.apps) app.resume()
    await Promise.all(
      [...this.databases.map(({ redis }) => redis), this.postgres].map((server) => server.start()),
    )
    for (const app of this.apps) app.start()
    await Promise.all(this.apps.map((app) => app.ready()))
  }

  /** The same site, with the nth database for the first. */
  seenFrom(n: number): Site {
    const { redis, wire } = this.databases[n]!
    const wires = { ...this.wires, redis: wire }
    return Object.create(this, { redis: { value: redis }, wires: { value: wires } })
  }

  #wires(): Wire[] {
    return [...this.databases.map(({ wire }) => wire), this.wires.postgres]
  }

  /** Whoever holds the lease and is not dead goes on: then two settle at once. */
  async breakLease(): Promise<void> {
    const breaking = this.databases.map(({ redis }, n) => redis.admin.hdel(...leaseOf(n)))
    await Promise.all(breaking)
  }

  async close(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.stop()))
    for (const wire of this.#wires()) wire.close()
    await this.postgres.query(`drop database if exists ${this.options.database} with (force)`, 'postgres')
  }

  /** As `close`, whatever state it is in. */
  async abandon(): Promise<void> {
    await this.heal().catch(() => {})
    await this.close().catch(() => {})
  }
}
