// A meter that reaches back: counting events of the log into it.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ConfigCache } from '../src/access/config-cache.ts'
import { newKey } from '../src/access/create-key.ts'
import { decimal, sum, text } from '../src/kernel/decimal.ts'
import { newId } from '../src/kernel/ids.ts'
import { HOUR_MS } from '../src/kernel/time.ts'
import { fillMeters } from '../src/log/fill-meters.ts'
import { createMeter } from '../src/metering/create-meter.ts'
import { meterInputSchema } from '../src/metering/meter-input.ts'
import { readUsage } from '../src/metering/read-usage.ts'
import { PostgresBlockStore } from '../src/stores/blocks/postgres.ts'
import { eventLog, postgresAccess, postgresCatalog } from '../src/stores/postgres/stores.ts'
import { noFence } from './fill.ts'
import { FIRST_MICROS, fillLog } from './fill-log.ts'
import type { Options } from './options.ts'
import { atMost, inSeconds, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { RESOURCE_TYPE } from './workload.ts'
import { openWorld } from './world.ts'

/** How much the heap may grow from a tenth of the events on. */
const HEAP_GROWTH = 1.25
const STEPS_PER_LOOK = 2

/** A sum by two properties over all that is in the log, which no meter has counted so. */
export async function replaying(servers: Servers, { quick }: Options): Promise<Section> {
  await servers.clear()
  const world = openWorld(servers, noFence)
  try {
    const access = postgresAccess(world.db)
    const services = {
      ...world,
      ...eventLog(world.db, new PostgresBlockStore(world.db)),
      catalog: postgresCatalog(world.db),
      configs: new ConfigCache(access, Date.now),
    }
    const tenant = { unmetered: 'keep' as const, id: newId(), name: 'acme', timezone: 'UTC', currency: 'USD' }
    await access.createTenant(tenant, newKey('first', { newId }).stored, 'default')
    const events = quick ? 100_000 : 1_000_000
    await fillLog(world, tenant.id, 0, events)
    const input = meterInputSchema.parse({
      ...{ key: 'tokens', resource_type: RESOURCE_TYPE, aggregation: 'sum', counts_from: 'beginning' },
      ...{ value: 'usage.input', group_by: ['model', 'region'] },
    })
    await createMeter(services, { tenant: await services.configs.load(tenant.id), newId }, input)

    const heap: number[] = []
    const startedAt = performance.now()
    let counted = 0
    for (let filled = false; !filled; ) {
      const report = await fillMeters(services, { steps: STEPS_PER_LOOK })
      const [failure] = report.failed
      if (failure) throw failure.reason
      counted += report.events
      filled = report.filled.length > 0
      if (counted >= events / 10) heap.push(heapUsed())
    }
    const seconds = (performance.now() - startedAt) / 1000
    if (counted !== events) throw new Error(`${counted} of ${events} events were counted`)
    await mustBeThere(services, await services.configs.load(tenant.id))
    const growth = Math.max(...heap) / heap[0]!
    return {
      title: 'A new meter over the log: a sum by two properties',
      rows: [
        {
          what: `${whole(events)} events`,
          figure: `${inSeconds(seconds)}, ${whole(events / seconds)} events/s, heap ${short(Math.min(...heap))} to ${short(Math.max(...heap))} MB`,
          targets: [atMost(HEAP_GROWTH, growth, '× the heap of its first tenth')],
        },
      ],
    }
  } finally {
    await world.close()
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** MB, without garbage. */
function heapUsed(): number {
  collect()
  return process.memoryUsage().heapUsed / 1e6
}

async function mustBeThere(
  services: Parameters<typeof readUsage>[0],
  tenant: Parameters<typeof readUsage>[1],
): Promise<void> {
  const startMs = Math.floor(FIRST_MICROS / 1000 / HOUR_MS) * HOUR_MS
  const query = {
    customerIds: ['customer_0'],
    meter: null,
    boundariesMs: [startMs, startMs + 24 * HOUR_MS],
    groupBy: [],
  }
  const { quantities } = await readUsage(services, tenant, query)
  const total = text(sum(quantities.map(({ quantity }) => quantity)))
  if (decimal(total).lte(decimal('0'))) throw new Error(`The new meter has ${total} of customer_0`)
}
