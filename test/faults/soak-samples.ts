// How much memory the app and Redis have, and whether it stays within bounds.

import { readFile } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { must } from './calls.ts'
import { eventually } from './children.ts'
import type { Site } from './site.ts'

export type Sample = {
  seconds: number
  events: number
  /** of the app: resident pages that are no file's, and its heap right after a collection */
  resident: number
  heap: number
  /** of Redis: all, what the ids take that it has to know, settled segments on their way out, and the rest */
  redis: number
  ids: number
  idBytes: number
  keptBytes: number
  rest: number
}

const MEMBERS_SAMPLED = 1_000

/** After everything is settled. `untold`: what MEMORY USAGE leaves out of each field of ids. */
export async function sample(
  site: Site,
  { seconds, events, untold }: { seconds: number; events: number; untold: number },
): Promise<Sample> {
  const app = site.apps[0]!
  await must(app, { method: 'POST', path: '/api/v1/flush', token: site.adminToken })
  const heap = await heapOf(site)
  const status = await readFile(`/proc/${app.pid}/status`, 'utf8')
  const resident = Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1]) * 1024
  return { seconds, events, resident, heap, ...(await redisMemories(site, untold)) }
}

type RedisMemory = Omit<Sample, 'seconds' | 'events' | 'resident' | 'heap'>

/** Of all databases together. */
async function redisMemories(site: Site, untold: number): Promise<RedisMemory> {
  const each = await Promise.all(site.databases.map(({ redis }) => redisMemory(redis.admin, untold)))
  const sum = (name: keyof RedisMemory) => each.reduce((total, one) => total + one[name], 0)
  return {
    redis: sum('redis'),
    ids: sum('ids'),
    idBytes: sum('idBytes'),
    keptBytes: sum('keptBytes'),
    rest: sum('rest'),
  }
}

async function redisMemory(admin: Redis, untold: number): Promise<RedisMemory> {
  const info = await admin.info('memory')
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  const redis = field('used_memory')
  const bytesOf = async (key: string) =>
    Number((await admin.call('MEMORY', 'USAGE', key, 'SAMPLES', MEMBERS_SAMPLED)) ?? 0)
  let [ids, idBytes, keptBytes] = [0, 0, 0]
  for (const key of await admin.keys('tg:*')) {
    if (key.endsWith(':meta')) ids += idsIn(await admin.hgetall(key))
    // Whatever is not sure to go by itself counts as the rest.
    if ((await admin.pttl(key)) <= 0) continue
    if (key.includes(':dd:')) {
      idBytes += (await bytesOf(key)) + (await admin.hlen(key)) * untold
    } else keptBytes += await bytesOf(key)
  }
  // Buffers come and go with the requests that are under way.
  const rest = redis - idBytes - keptBytes - field('mem_aof_buffer') - field('mem_clients_normal')
  return { redis, ids, idBytes, keptBytes, rest }
}

/** "n:born:ids:…" of a generation that is written to, and "n:closed:p<fields>.<hash>.<ids>" of one that was. */
const COUNTED = [/^\d+:\d+:(\d+):\d+:/, /^\d+:\d+:p\d+\.\d+\.(\d+)$/]

/** As a partition's meta counts them, of all its tenants (src/stores/redis/scripts/ids.ts). */
function idsIn(meta: Record<string, string>): number {
  const generations = Object.entries(meta).flatMap(([field, text]) =>
    field.startsWith('t:') ? text.split(' ')[2]!.split(',') : [],
  )
  return generations
    .flatMap((one) => COUNTED.map((pattern) => Number(pattern.exec(one)?.[1] ?? 0)))
    .reduce((sum, count) => sum + count, 0)
}

async function heapOf(site: Site): Promise<number> {
  const app = site.apps[0]!
  const told = () => app.log.filter((line) => line.startsWith('memory ')).at(-1)
  const before = told()
  process.kill(app.pid, 'SIGUSR2')
  const line = await eventually('The app tells its memory', 10_000, async () => {
    const now = told()
    if (now === undefined || now === before) throw new Error('nothing yet')
    return now
  })
  return Number(line.split(' ')[1])
}

const MB = 1024 * 1024
const mb = (bytes: number): string => (bytes / MB).toFixed(1).padStart(8)

export const heading =
  '    time     events  app resident  app heap     Redis: …  ids  (bytes/id)  … kept   … rest   (MB)'
export const row = (one: Sample): string =>
  `${String(Math.round(one.seconds)).padStart(6)} s ${String(one.events).padStart(10)}      ${mb(one.resident)}  ${mb(one.heap)}  ` +
  `${mb(one.redis)}  ${mb(one.idBytes)}  ${(one.idBytes / Math.max(one.ids, 1)).toFixed(0).padStart(8)}  ${mb(one.keptBytes)}  ${mb(one.rest)}`

/** Growth from the second quarter of the run to the last: the first is for warming up. */
export const GROWTH_MAX = 0.15
/** Growth below this says nothing: pages of an allocator, a table that was resized. */
const NOISE = 2 * MB

export type Growth = { what: string; second: number; last: number; growth: number; bounded: boolean }

export function growths(samples: Sample[]): Growth[] {
  const end = samples.at(-1)?.seconds ?? 0
  const quarter = (n: number) =>
    samples.filter(({ seconds }) => seconds >= ((n - 1) * end) / 4 && seconds <= (n * end) / 4)
  const series = { 'app, resident': 'resident', 'app, heap': 'heap', 'Redis, rest': 'rest' } as const
  return Object.entries(series).map(([what, name]) => {
    const second = median(quarter(2).map((one) => one[name]))
    const last = median(quarter(4).map((one) => one[name]))
    const growth = last / second - 1
    return { what, second, last, growth, bounded: growth <= GROWTH_MAX || last - second < NOISE }
  })
}

function median(values: number[]): number {
  if (values.length === 0) throw new Error('The run is too short: a quarter of it has no sample')
  const sorted = [...values].sort((x, y) => x - y)
  return sorted[Math.floor(sorted.length / 2)]!
}

export const growthLine = ({ what, second, last, growth, bounded }: Growth): string =>
  `${what.padEnd(18)} ${mb(second)} MB in the second quarter, ${mb(last)} MB in the last: ${growth >= 0 ? '+' : ''}${(100 * growth).toFixed(1)} %  ${bounded ? 'bounded' : 'GROWS'}`
