// Recording at the store: this process calls Redis itself, with as many calls under way for each way of doing it.

import { text } from '../src/kernel/decimal.ts'
import { HOUR_MS } from '../src/kernel/time.ts'
import { idLayouts } from '../src/metering/limits.ts'
import { readUsage } from '../src/metering/read-usage.ts'
import { commandsOfACall, costPerMillion } from './commands.ts'
import { callsPerSecond, inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, faster, perSecond, type Row, type Section, short } from './report.ts'
import type { Servers } from './servers.ts'
import { CUSTOMERS, eventSource, METER, QUANTITY, tenantConfig } from './workload.ts'
import { openWorld, send, type World } from './world.ts'

const IN_FLIGHT = 32
const BATCHES = [10, 100, 500]
const COMMANDS_A_CALL = 9
/** … fill generations of 32, 128, 512 and 2,048, where a bucket is to hold two. */
const IDS_BEFORE = 4_000

export async function benchRecord(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const world = openWorld(servers)
  try {
    const { rounds, ms } = quick ? { rounds: 2, ms: 300 } : { rounds: 7, ms: 1_000 }
    const naive = naiveCall(world)
    const ways: Record<string, { call: () => Promise<unknown>; events: number }> = {
      naive: { call: naive, events: 1 },
      one: batches(world, 1),
      ...Object.fromEntries(BATCHES.map((size) => [`batch ${size}`, batches(world, size)])),
      bare: { call: () => world.client.set('bare', 'x'), events: 1 },
      'bare pipeline': { call: () => barePipeline(world, 100), events: 100 },
    }
    const round = async (name: string, forMs: number) =>
      (await callsPerSecond(ways[name]!.call, { inFlight: IN_FLIGHT, ms: forMs })) * ways[name]!.events
    for (const name of Object.keys(ways)) await round(name, ms / 2)
    const rates = await inTurn(
      Object.fromEntries(Object.keys(ways).map((name) => [name, () => round(name, ms)])),
      rounds,
    )
    const row = (what: string, name: string): Row => ({
      what,
      ratio: faster(medianRatio(rates[name]!, rates.naive!)),
      figure: perSecond(median(rates[name]!)),
      naive: perSecond(median(rates.naive!)),
    })
    const speed: Section = {
      title: `Recording at the store, ${IN_FLIGHT} calls under way`,
      rows: [
        row('one event a call', 'one'),
        ...BATCHES.map((size) => row(`batches of ${size}`, `batch ${size}`)),
        ceiling('the ceiling: bare SET, one a call', median(rates.bare!)),
        ceiling('the ceiling: bare SET, pipelines of 100', median(rates['bare pipeline']!)),
      ],
    }
    return [speed, await commands(servers, world, naive)]
  } finally {
    await world.close()
  }
}

/** What one would write first: a float a customer and meter. Retries count twice, and tenths drift. */
function naiveCall({ client }: World): () => Promise<unknown> {
  const next = eventSource()
  return () => {
    const { customer_id, resource_type, quantity } = next()
    return client.incrbyfloat(`usage:${customer_id}:${resource_type}`, quantity)
  }
}

function batches(world: World, size: number): { call: () => Promise<unknown>; events: number } {
  const next = eventSource()
  const tenant = tenantConfig()
  return { events: size, call: () => send(world, tenant, Array.from({ length: size }, next)) }
}

async function barePipeline({ client }: World, size: number): Promise<void> {
  const pipeline = client.pipeline()
  for (let i = 0; i < size; i++) pipeline.set('bare', 'x')
  await pipeline.exec()
}

const ceiling = (what: string, rate: number): Row => ({
  what,
  figure: '',
  naive: `${perSecond(rate).replace('events', 'commands')}`,
})

/** Commands are what Upstash bills, those inside a script too. */
async function commands(servers: Servers, world: World, naive: () => Promise<unknown>): Promise<Section> {
  const { redis } = servers
  const next = eventSource()
  const tenant = tenantConfig()
  const events = (size: number) => Array.from({ length: size }, next)
  await send(world, tenant, events(CUSTOMERS))
  const newCustomers = (size: number) =>
    events(size).map((event) => ({ ...event, customer_id: `new_${event.id}` }))
  const one = await commandsOfACall(redis, () => send(world, tenant, events(1)))
  const hundred = await commandsOfACall(redis, () => send(world, tenant, events(100)))
  const firstOne = await commandsOfACall(redis, () => send(world, tenant, newCustomers(1)))
  const firstHundred = await commandsOfACall(redis, () => send(world, tenant, newCustomers(100)))
  const inBuckets = await commandsInBuckets(servers)
  const ofNaive = await commandsOfACall(redis, naive)
  const row = (what: string, size: number, known: number, first: number): Row => ({
    what,
    ratio: `${short(known / size / ofNaive)}× the commands`,
    figure: `${known} a call (${first} with new counters), $${short(costPerMillion(known / size))} a million`,
    naive: `${ofNaive} a call, $${short(costPerMillion(ofNaive))} a million`,
    targets: [atMost(COMMANDS_A_CALL, Math.max(known, first), ' a call')],
  })
  await mustBeExact(world)
  return {
    title: 'Redis commands, and events at $0.20 per 100,000 commands',
    rows: [
      row('one event a call', 1, one, firstOne),
      row('batches of 100', 100, hundred, firstHundred),
      {
        what: 'on Upstash, one event a call, ids in five generations',
        ratio: `${short(inBuckets.one / ofNaive)}× the commands`,
        figure: `${inBuckets.one} a call (${inBuckets.firstHundred} for 100 events with new counters), $${short(costPerMillion(inBuckets.one))} a million`,
        targets: [atMost(COMMANDS_A_CALL, Math.max(inBuckets.one, inBuckets.firstHundred), ' a call')],
      },
    ],
  }
}

/** As on Upstash: ids in buckets, of several generations. */
async function commandsInBuckets(servers: Servers): Promise<{ one: number; firstHundred: number }> {
  const world = openWorld(servers, { dedupeLayout: { ...idLayouts.upstash, ids: 2 } })
  try {
    const next = eventSource()
    const tenant = tenantConfig()
    for (let i = 0; i < IDS_BEFORE / 100; i++) await send(world, tenant, Array.from({ length: 100 }, next))
    const one = await commandsOfACall(servers.redis, () => send(world, tenant, [next()]))
    const hundred = () =>
      Array.from({ length: 100 }, next).map((event) => ({ ...event, customer_id: `new_${event.id}` }))
    const firstHundred = await commandsOfACall(servers.redis, () => send(world, tenant, hundred()), 1)
    return { one, firstHundred }
  } finally {
    await world.close()
  }
}

/** What was counted is what was sent, to the last tenth. */
async function mustBeExact(world: World): Promise<void> {
  const tenant = tenantConfig()
  const next = eventSource()
  const sent = 1_000
  for (let i = 0; i < sent; i++) await send(world, tenant, [{ ...next(), customer_id: 'exact' }])
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const { quantities } = await readUsage(world, tenant, {
    customerIds: ['exact'],
    meter: METER,
    boundariesMs: [hour - HOUR_MS, hour + HOUR_MS],
    groupBy: [],
  })
  const got = text(quantities[0]!.quantity)
  const wanted = String((sent * Number(QUANTITY) * 10) / 10)
  if (got !== wanted) throw new Error(`${sent} events of ${QUANTITY} are ${wanted}, but ${got} was counted`)
}
