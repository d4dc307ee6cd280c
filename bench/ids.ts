// Event ids of one tenant: what recording costs Redis, and what they take of its memory, with few and with many in the window.

import { defaultLimits, idLayouts } from '../src/metering/limits.ts'
import { metaKey } from '../src/stores/redis/keys.ts'
import { script } from '../src/stores/redis/script.ts'
import { luaIds } from '../src/stores/redis/scripts/ids.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { eventSource, tenantConfig } from './workload.ts'
import { openWorld, send, type World } from './world.ts'

const FEW = 1_000_000
const BATCH = 100
const IN_FLIGHT = 8
/** Of the ids, so many lie in generations that are closed; the rest in the one that is written to. */
const CLOSED = 0.6
const FILLED_AT_ONCE = 5_000
const TIMES_MOST = 1.3
const BYTES_MOST = 40

/**
 * Claims ids as the record script does, with nothing else: random ones.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  window_ms   3  layout   4  its ids   5  how many   6  seed
 */
const fillIds = script(
  'fill-ids',
  `${luaIds}
local tenant, now, count = ARGV[1], now_ms(), tonumber(ARGV[5])
local layout = {kind = ARGV[3], ids = tonumber(ARGV[4]), window = tonumber(ARGV[2])}
math.randomseed(tonumber(ARGV[6]))
local digits = {}
for i = 1, 16384 do
  local at = math.random(64)
  digits[i] = string.sub('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', at, at)
end
digits = table.concat(digits)
local function digest()
  local first, second = math.random(16373), math.random(16373)
  return string.sub(digits, first, first + 10) .. string.sub(digits, second, second + 10)
end
local ids, claims = {}, {}
for i = 1, count do
  ids[i] = digest()
  claims[2 * i - 1], claims[2 * i] = ids[i], digest()
end
local current, older, dead = parse_generations(redis.call('HGET', META, 'ids:' .. tenant) or '', layout.window, now)
local alive = {current, unpack(older)}
local known, texts = look_up(tenant, alive, ids, layout)
local rotated
current, rotated = to_write(current, older, layout, now)
claim(tenant, current, claims, texts, layout)
if rotated then keep_for_a_window(tenant, {current, unpack(older)}, layout.window, now) end
redis.call('HSET', META, 'ids:' .. tenant, generations_text(current, older))
return redis.status_reply('OK')`,
)

export async function benchIds(servers: Servers, { quick, ids }: Options): Promise<Section[]> {
  await servers.clear()
  const { rounds, calls } = quick ? { rounds: 3, calls: 30 } : { rounds: 11, calls: 100 }
  const [few, many] = quick ? [ids / 10, ids] : [FEW, ids]
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
  const { kind, ids: layoutIds } = world.limits.dedupeLayout
  const tenant = tenantConfig()
  const field = [metaKey(0), `ids:${tenant.tenantId}`] as const
  const fill = async (count: number) => {
    for (let from = 0; from < count; from += FILLED_AT_ONCE) {
      const size = String(Math.min(FILLED_AT_ONCE, count - from))
      const layout = [String(defaultLimits.dedupeWindowMs), kind, String(Math.min(layoutIds, 9e15))]
      const seed = String(Math.floor(Math.random() * 2 ** 31))
      await redis.eval(fillIds.text, 1, metaKey(0), tenant.tenantId, ...layout, size, seed)
    }
  }
  const before = await usedMemory(servers)
  await fill(ids * CLOSED)
  const [n, born, ...rest] = (await redis.hget(...field))!.split(':')
  const earlier = Number(born) - defaultLimits.dedupeWindowMs
  await redis.hset(...field, [n, String(earlier), ...rest].join(':'))
  await fill(ids * (1 - CLOSED))
  const bytes = ((await usedMemory(servers)) - before) / ids
  const generations = (await redis.hget(...field))!
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
