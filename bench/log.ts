// The event log: what it costs to record and to settle with it, how much room it takes, and how fast events are found in it.

import { HOUR_MS } from '../src/kernel/time.ts'
import { ALL_EVENTS } from '../src/log/filter.ts'
import { findEvent, findEvents } from '../src/log/find-events.ts'
import { PostgresBlockStore } from '../src/stores/blocks/postgres.ts'
import { PostgresLogIndex } from '../src/stores/postgres/log-index.ts'
import { makeTenant, mustBeExact, type Tenant } from './api.ts'
import { startServer } from './child.ts'
import { commandsOfACall } from './commands.ts'
import { counterEvent, noFence, settleAll } from './fill.ts'
import { fillLog, idOf, realEvent } from './fill-log.ts'
import { latencies, rates, record } from './http.ts'
import type { LoadResult } from './load.ts'
import { startLoad } from './load-client.ts'
import { inTurn, median, medianRatio, percentile } from './measure.ts'
import type { Options } from './options.ts'
import { replaying } from './replay.ts'
import { atMost, inSeconds, latency, perSecond, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { CUSTOMERS, tenantConfig } from './workload.ts'
import { openWorld, send, type World } from './world.ts'

const RECORDING = 1.15
const SETTLING = 1.5
const READING = 2
const BATCH = 1_000

export async function benchLog(servers: Servers, options: Options): Promise<Section[]> {
  return [
    await recording(servers, options),
    await settling(servers, options),
    await reading(servers, options),
    await replaying(servers, options),
  ]
}

/** Two servers on the same stores in turn, one of which keeps no log. */
async function recording(servers: Servers, { quick }: Options): Promise<Section> {
  await servers.clear()
  const { warmUpRounds, rounds, ms } = quick
    ? { warmUpRounds: 1, rounds: 2, ms: 700 }
    : { warmUpRounds: 8, rounds: 9, ms: 2_000 }
  const adminToken = crypto.randomUUID()
  const env = { REDIS_URL: servers.redisUrl, DATABASE_URL: servers.databaseUrl, ADMIN_TOKEN: adminToken }
  const kept = await startServer('../src/node.ts', env)
  const bare = await startServer('../src/node.ts', { ...env, EVENT_LOG: 'off' })
  const load = startLoad()
  const url = `http://127.0.0.1:${kept.port}`
  try {
    const tenants: Tenant[] = []
    const recorder = async (port: number, size: number) => {
      const tenant = await makeTenant(url, adminToken)
      tenants.push(tenant)
      return () => record(load, port, tenant, size, ms)
    }
    const ways: Record<string, () => Promise<LoadResult>> = {}
    for (const size of [1, 100]) {
      ways[`kept ${size}`] = await recorder(kept.port, size)
      ways[`bare ${size}`] = await recorder(bare.port, size)
    }
    await inTurn(ways, warmUpRounds)
    const results = await inTurn(ways, rounds)
    for (const tenant of tenants) await mustBeExact(url, tenant)
    const row = (what: string, size: number): Row => {
      const [withLog, without] = [rates(results[`kept ${size}`]!), rates(results[`bare ${size}`]!)]
      const times = medianRatio(without, withLog)
      return {
        what,
        ratio: `${short(times)}× the time`,
        figure: perSecond(median(withLog)),
        naive: perSecond(median(without)),
        latency: `${latencies(results[`kept ${size}`]!)} (without ${latencies(results[`bare ${size}`]!)})`,
        targets: [atMost(RECORDING, times, '× the time')],
      }
    }
    return {
      title: 'Recording through HTTP on Node, 32 connections: with the event log, and without',
      rows: [row('one event a request', 1), row('batches of 100', 100), await commands(servers)],
    }
  } finally {
    await Promise.all([kept.close(), bare.close(), load.close()])
  }
}

async function commands(servers: Servers): Promise<Row> {
  const counts: number[] = []
  for (const logged of [true, false]) {
    await servers.clear()
    const world = openWorld(servers, noFence, { logged })
    try {
      const tenant = tenantConfig()
      let n = 0
      const call = () =>
        send(
          world,
          tenant,
          Array.from({ length: 100 }, () => realEvent(n++)),
        )
      counts.push(await commandsOfACall(servers.redis, call))
    } finally {
      await world.close()
    }
  }
  const [withLog, without] = counts as [number, number]
  return {
    what: 'Redis commands a call',
    figure: short(withLog),
    naive: short(without),
    targets: [{ wanted: 'as many', got: short(withLog), reached: withLog === without }],
  }
}

type Settled = { seconds: number; redisBytes: number; postgresBytes: number }

/** Counters and events of each. The log is work by event, the counters are by counter: so it weighs most where many events share one. */
const SETTLED = [
  [10_000, 1],
  [100_000, 1],
  [10_000, 10],
] as const

async function settling(servers: Servers, { quick }: Options): Promise<Section> {
  const rows: Row[] = []
  for (const [full, each] of SETTLED) {
    const counters = quick ? full / 10 : full
    const withLog: Settled[] = []
    const without: Settled[] = []
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      without.push(await settled(servers, counters, each, false))
      withLog.push(await settled(servers, counters, each, true))
    }
    const times = medianRatio(
      withLog.map(({ seconds }) => seconds),
      without.map(({ seconds }) => seconds),
    )
    const events = counters * each
    const of = (runs: Settled[], what: 'redisBytes' | 'postgresBytes') =>
      median(runs.map((run) => run[what])) / events
    rows.push({
      what: `${whole(counters)} counters of ${each === 1 ? 'one event' : `${each} events`} each`,
      ratio: `${short(times)}× the time`,
      figure: inSeconds(median(withLog.map(({ seconds }) => seconds))),
      naive: inSeconds(median(without.map(({ seconds }) => seconds))),
      targets: [atMost(SETTLING, times, '× the time')],
    })
    rows.push({
      what: `… bytes an event: in Redis until it is settled, in Postgres for good (rows, indexes and blocks)`,
      figure: `${whole(of(withLog, 'redisBytes') - of(without, 'redisBytes'))} and ${whole(of(withLog, 'postgresBytes'))}`,
    })
  }
  return { title: 'Settling: with the event log, and without', rows }
}

async function settled(servers: Servers, counters: number, each: number, logged: boolean): Promise<Settled> {
  await servers.clear()
  const world = openWorld(servers, noFence, { logged })
  try {
    const tenant = tenantConfig()
    const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
    const before = await memory(servers)
    for (let n = 0; n < counters * each; n += BATCH) {
      const events = Array.from({ length: BATCH }, (_, i) => ({
        ...realEvent(n + i),
        ...counterEvent((n + i) % counters, counters, hourMs),
        id: crypto.randomUUID(),
      }))
      await send(world, tenant, events)
    }
    const redisBytes = (await memory(servers)) - before
    const startedAt = performance.now()
    await settleAll(world)
    const seconds = (performance.now() - startedAt) / 1000
    return { seconds, redisBytes, postgresBytes: await logBytes(world) }
  } finally {
    await world.close()
  }
}

const memory = async ({ redis }: Servers): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])

async function logBytes({ pool }: World): Promise<number> {
  const { rows } = await pool.query(
    `select sum(pg_total_relation_size(name::regclass))::bigint as bytes
      from unnest(array['log_blocks', 'log_customers', 'log_contents']) as name`,
  )
  return Number(rows[0].bytes)
}

/** Blocks of a thousand events, as a busy tenant's are; each of its customers has events in every block. */
async function reading(servers: Servers, { quick }: Options): Promise<Section> {
  await servers.clear()
  const world = openWorld(servers, noFence)
  try {
    const tenantId = crypto.randomUUID()
    const few = quick ? 20_000 : 100_000
    const many = quick ? 200_000 : 10_000_000
    const small = await readIn(world, tenantId, 0, few)
    const large = await readIn(world, tenantId, few, many)
    const row = (what: string, name: 'newest' | 'byId'): Row => {
      const times = median(large[name]) / median(small[name])
      return {
        what: `${what}, among ${whole(many)}; beside: among ${whole(few)}`,
        ratio: `${short(times)}× the time`,
        figure: `${short(median(large[name]))} ms`,
        naive: `${short(median(small[name]))} ms`,
        latency: latency(median(large[name]), percentile(large[name], 0.99)),
        targets: [atMost(READING, times, '× the time')],
      }
    }
    return {
      title: 'Finding events',
      rows: [
        row('the newest 100 of one customer', 'newest'),
        row('one by its id', 'byId'),
        {
          what: `room in Postgres for ${whole(many)} events`,
          figure: `${whole((await logBytes(world)) / many)} bytes an event`,
        },
      ],
    }
  } finally {
    await world.close()
  }
}

const READS = 50

async function readIn(
  world: World,
  tenantId: string,
  from: number,
  to: number,
): Promise<{ newest: number[]; byId: number[] }> {
  await fillLog(world, tenantId, from, to)
  await world.pool.query('vacuum analyze log_blocks, log_customers, log_contents')
  const services = {
    counters: world.counters,
    blocks: new PostgresBlockStore(world.db),
    logIndex: new PostgresLogIndex(world.db),
  }
  const [newest, byId]: [number[], number[]] = [[], []]
  for (let read = 0; read < READS; read++) {
    const customerId = `customer_${(read * 37) % CUSTOMERS}`
    const filter = { ...ALL_EVENTS, customerId }
    newest.push(
      await took(async () => {
        const { events } = await findEvents(services, tenantId, {
          filter,
          order: 'desc',
          after: null,
          limit: 100,
        })
        if (events.length !== 100) throw new Error(`${events.length} events of ${customerId} were found`)
      }),
    )
    const id = idOf(Math.floor((to - 1) * ((read * 0.618_033_988_75) % 1)))
    byId.push(
      await took(async () => {
        const event = await findEvent(services, tenantId, id)
        if (event?.id !== id) throw new Error(`${id} was not found`)
      }),
    )
  }
  return { newest, byId }
}

async function took(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
