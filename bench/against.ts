// `npm run bench:against -- ../earlier`: the server of this checkout and the one of another, in turn under the same load, each on
// databases of its own of the same Redis and Postgres. It is for changes that must not cost anything. Linux only: it reads /proc.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeTenant, mustBeExact, type Tenant } from './api.ts'
import { type Server, startServer } from './child.ts'
import { closeAll } from './closing.ts'
import { rates, record } from './http.ts'
import type { LoadResult } from './load.ts'
import { type Load, startLoad } from './load-client.ts'
import { median, medianRatio } from './measure.ts'
import { latency, perSecond as rateText, whole } from './report.ts'
import { machine, openEmptyServers, type Servers, THEIRS } from './servers.ts'

const WARM_UP_ROUNDS = 8
const ROUNDS = 15
const MS = 2_000
const CONNECTIONS = 32
const BATCH = 100
/** Of `utime` and `stime` in /proc/PID/stat, after the name in brackets. */
const [UTIME, STIME, TICKS_PER_SECOND] = [11, 12, 100]

type Side = { servers: Servers; server: Server; url: string; tenants: Record<number, Tenant> }
/** Milliseconds of processor a request took, of the server and of Redis. */
type Turn = LoadResult & { serverMs: number; redisMs: number }
type Way = { batch: number; perSecond?: number }
type Both = { ours: Turn[]; theirs: Turn[] }

async function main(): Promise<void> {
  const other = process.argv[2]
  if (other === undefined) throw new Error('npm run bench:against -- FOLDER, with another checkout in it')
  const opened = [await openEmptyServers(process.env), await openEmptyServers(process.env, THEIRS)]
  const close = async () => {
    await closeAll()
    for (const servers of opened) await servers.close()
  }
  process.once('SIGINT', () => close().finally(() => process.exit(130)))
  try {
    const ours = await open(opened[0]!, resolve(import.meta.dirname, '../src/node.ts'))
    const theirs = await open(opened[1]!, join(resolve(other), 'src/node.ts'))
    console.log(`${await machine(opened[0]!)}\n`)
    await compare(ours, theirs, startLoad())
    for (const { url, tenants } of [ours, theirs])
      for (const tenant of Object.values(tenants)) await mustBeExact(url, tenant)
  } finally {
    await close()
  }
}

async function open(servers: Servers, script: string): Promise<Side> {
  const adminToken = crypto.randomUUID()
  const { redisUrl, databaseUrl } = servers
  const server = await startServer(script, {
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    ADMIN_TOKEN: adminToken,
  })
  const url = `http://127.0.0.1:${server.port}`
  const tenants = { 1: await makeTenant(url, adminToken), [BATCH]: await makeTenant(url, adminToken) }
  return { servers, server, url, tenants }
}

async function compare(ours: Side, theirs: Side, load: Load): Promise<void> {
  const both = async (way: Way, rounds: number): Promise<Both> => {
    const turns: Both = { ours: [], theirs: [] }
    for (let round = 0; round < rounds; round++) {
      const order = [['ours', ours] as const, ['theirs', theirs] as const]
      // Whoever comes first finds the machine in another state: they take turns in that, too.
      for (const [name, side] of round % 2 === 0 ? order : order.reverse())
        turns[name].push(await turn(side, load, way))
    }
    return turns
  }
  for (const batch of [1, BATCH]) await both({ batch }, WARM_UP_ROUNDS)
  const batches = await both({ batch: BATCH }, ROUNDS)
  show(`batches of ${BATCH}`, batches)
  const singles = await both({ batch: 1 }, ROUNDS)
  show('one event a request', singles)
  const perSecond = median(rates(singles.theirs)) / 2
  show(
    `one event a request, at half of what the other can: ${whole(perSecond)} a second`,
    await both({ batch: 1, perSecond }, ROUNDS),
  )
}

async function turn(side: Side, load: Load, { batch, perSecond }: Way): Promise<Turn> {
  const { server, tenants, servers } = side
  const before = { server: cpuMs(server.pid), redis: await redisCpuMs(servers) }
  const result = await record(load, server.port, tenants[batch]!, batch, MS, CONNECTIONS, perSecond)
  return {
    ...result,
    serverMs: (cpuMs(server.pid) - before.server) / result.requests,
    redisMs: ((await redisCpuMs(servers)) - before.redis) / result.requests,
  }
}

/** Of all that are connected: one server at a time is. */
async function redisCpuMs({ redis }: Servers): Promise<number> {
  const used = (await redis.info('cpu')).matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)
  return [...used].reduce((ms, [, seconds]) => ms + Number(seconds) * 1_000, 0)
}

function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[UTIME]) + Number(fields[STIME])) * 1_000) / TICKS_PER_SECOND
}

function show(what: string, { ours, theirs }: Both): void {
  const percent = (ratio: number) => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`
  const line = (name: string, turns: Turn[]) => {
    const of = (pick: (turn: Turn) => number) => median(turns.map(pick))
    const cpu = `${of((one) => one.serverMs).toFixed(3)} ms of processor a request, Redis ${of((one) => one.redisMs).toFixed(3)} ms`
    return `  ${name.padEnd(7)} ${rateText(median(rates(turns)))}, p50 / p99 ${latency(
      of((one) => one.p50Ms),
      of((one) => one.p99Ms),
    )}, ${cpu}`
  }
  const ratio = (pick: (turn: Turn) => number) => percent(medianRatio(ours.map(pick), theirs.map(pick)))
  const change = [
    `${ratio(({ events, seconds }) => events / seconds)} events/s`,
    `${ratio(({ p99Ms }) => p99Ms)} p99`,
    `${ratio(({ serverMs }) => serverMs)} processor, Redis ${ratio(({ redisMs }) => redisMs)}`,
  ].join(', ')
  console.log(
    [
      what,
      line('ours', ours),
      line('theirs', theirs),
      `  medians of ${whole(ours.length)} turns: ${change}`,
      '',
    ].join('\n'),
  )
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
