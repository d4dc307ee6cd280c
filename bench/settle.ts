// Settling: from counters in Redis to rows in Postgres, the naive way and this one.

import { HOUR_MS } from '../src/kernel/time.ts'
import { counterEvent, fill, noFence, settleAll } from './fill.ts'
import { median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, faster, inSeconds, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { QUANTITY, tenantConfig } from './workload.ts'
import { openWorld, type World } from './world.ts'

const ROUND_TRIPS_A_SEGMENT = 4
const TIMES_FASTER = 20
const SCAN_COUNT = 1_000
/** A naive run that would take longer is measured on a tenth. */
const NAIVE_PATIENCE_S = 150

type Run = { seconds: number; roundTrips: number; segments: number }

export async function benchSettle(servers: Servers, { quick }: Options): Promise<Section[]> {
  const world = openWorld(servers, noFence)
  const title = 'Settling counters into Postgres'
  try {
    await world.pool.query('create table naive_usage (name text primary key, quantity numeric not null)')
    await settleOurs(servers, world, 1_000)
    const minute = await compared(servers, world, 1_000, 1_000, quick ? 1 : 5)
    const small = await compared(servers, world, 10_000, 10_000, quick ? 1 : 3)
    if (quick) return [{ title, rows: [minute.row, small.row] }]
    const patient = small.naiveSeconds * 10 <= NAIVE_PATIENCE_S
    const large = await compared(servers, world, 100_000, patient ? 100_000 : 10_000, 1)
    const notes = patient ? [] : ['the naive figures for 100,000 are those of 10,000, times ten']
    return [{ title, rows: [minute.row, small.row, large.row], notes }]
  } finally {
    await world.pool.query('drop table if exists naive_usage')
    await world.close()
  }
}

async function compared(
  servers: Servers,
  world: World,
  counters: number,
  naiveCounters: number,
  rounds: number,
): Promise<{ row: Row; naiveSeconds: number }> {
  const naive: Run[] = []
  const ours: Run[] = []
  for (let round = 0; round < rounds; round++) {
    naive.push(await settleNaive(servers, world, naiveCounters))
    ours.push(await settleOurs(servers, world, counters))
  }
  const factor = counters / naiveCounters
  const naiveSeconds = naive.map((run) => run.seconds * factor)
  const ourSeconds = ours.map((run) => run.seconds)
  const times = medianRatio(naiveSeconds, ourSeconds)
  // The first one may have to bring a script that this Redis has never seen.
  const roundTrips = median(ours.map((run) => run.roundTrips))
  const { segments } = ours[0]!
  const row: Row = {
    what: `${whole(counters)} counters`,
    ratio: faster(times),
    figure: `${inSeconds(median(ourSeconds))}, ${whole(roundTrips)} round trips, ${segments} segment${segments === 1 ? '' : 's'}`,
    naive: `${inSeconds(median(naiveSeconds))}, ${whole(naive[0]!.roundTrips * factor)} round trips`,
    targets: [
      ...(counters < 10_000
        ? []
        : [{ wanted: `≥ ${TIMES_FASTER}× faster`, got: `${short(times)}×`, reached: times >= TIMES_FASTER }]),
      atMost(ROUND_TRIPS_A_SEGMENT, roundTrips / segments, ' round trips a segment'),
    ],
  }
  return { row, naiveSeconds: median(naiveSeconds) }
}

/** Every counter has its key; one after the other is taken out and added to its row. A crash in between loses it. */
async function settleNaive(servers: Servers, world: World, counters: number): Promise<Run> {
  await servers.clear()
  await world.pool.query('truncate naive_usage')
  const pipeline = world.client.pipeline()
  for (let n = 0; n < counters; n++) pipeline.set(`usage:customer_${n}:api_call`, QUANTITY)
  await pipeline.exec()
  const postgres = await world.pool.connect()
  try {
    const startedAt = performance.now()
    let roundTrips = 0
    let cursor = '0'
    do {
      const [next, keys] = await world.client.scan(cursor, 'MATCH', 'usage:*', 'COUNT', SCAN_COUNT)
      roundTrips++
      cursor = next
      for (const key of keys) {
        const quantity = await world.client.getdel(key)
        roundTrips++
        if (quantity === null) continue
        await postgres.query(
          `insert into naive_usage values ($1, $2)
            on conflict (name) do update set quantity = naive_usage.quantity + excluded.quantity`,
          [key, quantity],
        )
        roundTrips++
      }
    } while (cursor !== '0')
    const seconds = (performance.now() - startedAt) / 1000
    const { rows } = await postgres.query('select count(*)::int as settled from naive_usage')
    mustBe(rows[0].settled, counters)
    return { seconds, roundTrips, segments: 0 }
  } finally {
    postgres.release()
  }
}

async function settleOurs(servers: Servers, world: World, counters: number): Promise<Run> {
  await servers.clear()
  const tenant = tenantConfig()
  const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const event = (n: number) => counterEvent(n, counters, hourMs)
  await fill(world, tenant, event, { from: 0, to: counters, settle: false })
  const before = world.roundTrips.redis + world.roundTrips.postgres
  const startedAt = performance.now()
  const settled = await settleAll(world)
  const seconds = (performance.now() - startedAt) / 1000
  const roundTrips = world.roundTrips.redis + world.roundTrips.postgres - before
  mustBe(settled.counters, counters)
  const { rows } = await world.pool.query(
    "select count(*)::int as settled from usage where customer_id like 'customer%'",
  )
  mustBe(rows[0].settled, counters)
  return { seconds, roundTrips, segments: settled.segments }
}

function mustBe(settled: number, counters: number): void {
  if (settled !== counters) throw new Error(`Of ${counters} counters ${settled} were settled`)
}
