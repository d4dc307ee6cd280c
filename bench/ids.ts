// Event ids of one tenant: what recording costs Redis, and what they take of its memory, with few and with many in the window.

import { defaultLimits, idLayouts } from '../src/metering/limits.ts'
import { metaKey } from '../src/stores/redis/keys.ts'
import { script } from '../src/stores/redis/script.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { eventSource, tenantConfig } from './workload.ts'
import { openWorld, send, type World } from './world.ts'

const FEW = 1_000_000
const BATCH = 100
const IN_FLIGHT = 8
/** Of the ids, so many are of the generation before the one that is written to. */
const CLOSED = 0.6
const FILLED_AT_ONCE = 20_000
const ROOM = 300_000
const TIMES_MOST = 1.3
const BYTES_MOST = 40

/**
 * Writes what the record script would have written for random ids: in a hash, a field an id; in a packed one, fields that have as many
 * as chance gives them, the older ones first.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  ids in a field on average, or 0 for a hash of ids   3  first field   4  how many fields   5  seed
 * Returns  how many ids these are
 */
const fillIds = script(
  'fill-ids',
  `local key, mean, first, count = dedupe_key(ARGV[1], '1'), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
math.randomseed(tonumber(ARGV[5]))
local digits = {}
for i = 1, 32768 do
  local at = math.random(64)
  digits[i] = string.sub('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', at, at)
end
digits = table.concat(digits)
local function random(length)
  local at = math.random(#digits - length)
  return string.sub(digits, at, at + length - 1)
end
local function poisson()
  local least, n, product = math.exp(-mean), 0, math.random()
  while product > least do n, product = n + 1, product * math.random() end
  return n
end
local ids, writes = 0, {}
for i = first, first + count - 1 do
  local field, value
  if mean == 0 then field, value, ids = random(11) .. random(11), random(22), ids + 1
  else
    local n = poisson()
    local records, closed = {}, math.floor(n * ${CLOSED} + math.random())
    for r = 1, n do records[r] = random(27) .. (r <= closed and 'A' or 'B') end
    field, value, ids = string.format('%x', i), table.concat(records), ids + n
  end
  writes[#writes + 1], writes[#writes + 2] = field, value
  if #writes >= 2000 or i == first + count - 1 then
    redis.call('HSET', key, unpack(writes))
    writes = {}
  end
end
return ids`,
)

export async function benchIds(servers: Servers, { quick, ids }: Options): Promise<Section[]> {
  await servers.clear()
  const { rounds, calls } = quick ? { rounds: 3, calls: 30 } : { rounds: 9, calls: 100 }
  const [few, many] = [FEW, ids]
  const packed = openWorld(servers, { dedupeLayout: idLayouts.server })
  const hashes = openWorld(servers, { dedupeLayout: idLayouts.embedded })
  try {
    const ways = {
      hashes: { ...(await filled(servers, hashes, few)), world: hashes },
      few: { ...(await filled(servers, packed, few)), world: packed },
      many: { ...(await filled(servers, packed, many)), world: packed },
    }
    const cost = (name: keyof typeof ways, size: number) => () =>
      redisMicros(servers, ways[name], size, calls)
    const names = Object.keys(ways) as (keyof typeof ways)[]
    const all = (size: number) => Object.fromEntries(names.map((name) => [name, cost(name, size)]))
    await inTurn(all(BATCH), 1)
    const batches = await inTurn(all(BATCH), rounds)
    const singles = await inTurn(all(1), rounds)
    const row = (what: string, name: string, to: string, size: number): Row => {
      const costs = size === 1 ? singles : batches
      return {
        what: `${what}, ${size === 1 ? 'one event a call' : `batches of ${size}`}`,
        ratio: `${short(medianRatio(costs[name]!, costs[to]!))}× the time`,
        figure: `${short(median(costs[name]!))} µs of Redis an event`,
        naive: `${short(median(costs[to]!))} µs`,
      }
    }
    const times = medianRatio(batches.many!, batches.few!)
    const bytes = (name: keyof typeof ways) => `${short(ways[name].bytes)} bytes an id`
    return [
      {
        title: 'One tenant’s event ids on a Redis server',
        rows: [
          {
            ...row(`${whole(many)} ids in the window; beside: ${whole(few)}`, 'many', 'few', BATCH),
            targets: [atMost(TIMES_MOST, times, '×')],
          },
          row(`${whole(many)} ids; beside: ${whole(few)}`, 'many', 'few', 1),
          row(`${whole(few)} ids; beside: as many in hashes, an id a field`, 'few', 'hashes', BATCH),
          row(`${whole(few)} ids; beside: in hashes`, 'few', 'hashes', 1),
          {
            what: `memory of ${whole(many)} ids; beside: of ${whole(few)} in hashes`,
            figure: bytes('many'),
            naive: bytes('hashes'),
            targets: [atMost(BYTES_MOST, ways.many.bytes, ' bytes')],
          },
        ],
        notes: [
          'what the time is of, is Redis’s processor; “against naive” is against what stands beside it',
        ],
      },
    ]
  } finally {
    await Promise.all([packed.close(), hashes.close()])
  }
}

type Filled = { send: (size: number) => Promise<void>; bytes: number }

/** A tenant in the middle of its window. */
async function filled(servers: Servers, world: World, ids: number): Promise<Filled> {
  const { redis } = servers
  const { kind, ids: most } = world.limits.dedupeLayout
  const { dedupeWindowMs } = defaultLimits
  const tenant = tenantConfig()
  const before = await usedMemory(servers)
  const packed = kind === 'packed'
  const fields = packed ? Math.ceil(ids / most) : ids
  await redis.script('LOAD', fillIds.text)
  let known = 0
  for (let from = 0; from < fields; from += FILLED_AT_ONCE) {
    const args = [packed ? most : 0, from, Math.min(FILLED_AT_ONCE, fields - from), from + 1]
    known += Number(await redis.evalsha(fillIds.hash, 1, metaKey(0), tenant.tenantId, ...args))
  }
  const bytes = ((await usedMemory(servers)) - before) / known
  const now = Number((await redis.time())[0]) * 1_000
  // Room for what is measured: so that no field is divided, as none is where a window is like the one before.
  const [closed, current] = [known * CLOSED, known * (1 - CLOSED) - ROOM].map(Math.round)
  const generations = packed
    ? `2:${now}:${current}:${dedupeWindowMs}:p${fields}.1,1:${now}:p${fields}.1.${closed}`
    : `1:${now}:${known}:${dedupeWindowMs}:0`
  await redis.hset(metaKey(0), `t:${tenant.tenantId}`, `1 0 ${generations}`)
  const next = eventSource()
  const one = (size: number) => send(world, tenant, Array.from({ length: size }, next))
  await one(BATCH)
  return { send: one, bytes }
}

async function usedMemory({ redis }: Servers): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1])
}

/** Microseconds of Redis's processor an event. */
async function redisMicros(
  servers: Servers,
  { send: sending }: Filled,
  size: number,
  calls: number,
): Promise<number> {
  const before = await processorSeconds(servers)
  let sent = 0
  const lane = async () => {
    while (sent++ < calls * (size === 1 ? 10 : 1)) await sending(size)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  const events = calls * (size === 1 ? 10 : 1) * size
  return ((await processorSeconds(servers)) - before) * (1e6 / events)
}

async function processorSeconds({ redis }: Servers): Promise<number> {
  const used = (await redis.info('cpu')).matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)
  return [...used].reduce((seconds, [, one]) => seconds + Number(one), 0)
}
