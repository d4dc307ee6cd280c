// Recording through HTTP on Node: the real server, and the naive one on the same framework, in turn under the same load.

import { bearer, makeTenant, mustBeExact, type Tenant } from './api.ts'
import { startServer } from './child.ts'
import { commandsSoFar } from './commands.ts'
import type { LoadResult } from './load.ts'
import { type Load, startLoad } from './load-client.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import {
  atLeast,
  atMost,
  faster,
  latency,
  type Row,
  perSecond as rateText,
  type Section,
  short,
  whole,
} from './report.ts'
import type { Servers } from './servers.ts'

const CONNECTIONS = 32
const NAIVE_TOKEN = 'a-key-like-any-other'
const BATCHES = [10, 100, 500]
/** Connections that send single events. */
const AT_ONCE = [1, 8, 32, 128]
const TIMES_SLOWER = 1.5
const SINGLE_PER_SECOND = 5_000
const BATCH_100_PER_SECOND = 60_000

export async function benchHttp(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  // Until a server's code is compiled, a minute of load perhaps, compiling takes a tenth of its processor time.
  const { warmUpRounds, rounds, ms } = quick
    ? { warmUpRounds: 1, rounds: 2, ms: 700 }
    : { warmUpRounds: 8, rounds: 9, ms: 2_000 }
  const adminToken = crypto.randomUUID()
  const naive = await startServer('naive-server.ts', { REDIS_URL: servers.redisUrl, TOKEN: NAIVE_TOKEN })
  const ours = await startServer('../src/node.ts', {
    REDIS_URL: servers.redisUrl,
    DATABASE_URL: servers.databaseUrl,
    ADMIN_TOKEN: adminToken,
  })
  const load = startLoad()
  const url = `http://127.0.0.1:${ours.port}`
  try {
    const naively = (path: string, perSecond?: number) => () =>
      load.run({
        ...(perSecond !== undefined && { perSecond }),
        port: naive.port,
        path,
        headers: bearer(NAIVE_TOKEN),
        connections: CONNECTIONS,
        batch: 1,
        ms,
      })
    const tenants: Record<string, Tenant> = {}
    for (const size of [1, ...BATCHES]) tenants[size] = await makeTenant(url, adminToken)
    const recording = (size: number) => () => record(load, ours.port, tenants[size]!, size, ms)
    const ways: Record<string, () => Promise<LoadResult>> = {
      naive: naively('/bare'),
      one: recording(1),
      checked: naively('/checked'),
      ...Object.fromEntries(BATCHES.map((size) => [`batch ${size}`, recording(size)])),
    }
    await inTurn(ways, warmUpRounds)
    const results = await inTurn(ways, rounds)
    const together: Together[] = []
    for (const connections of AT_ONCE) {
      const before = await commandsSoFar(servers.redis)
      const loads: LoadResult[] = []
      for (let round = 0; round < rounds; round++)
        loads.push(await record(load, ours.port, tenants[1]!, 1, ms, connections))
      const events = loads.reduce((sum, one) => sum + one.events, 0)
      const commands = ((await commandsSoFar(servers.redis)) - before) / events
      together.push({ connections, loads, commands })
    }
    const perSecond = median(rates(results.one!)) / 2
    const paced = await inTurn(
      {
        naive: naively('/checked', perSecond),
        one: () => record(load, ours.port, tenants[1]!, 1, ms, CONNECTIONS, perSecond),
      },
      rounds,
    )
    for (const tenant of Object.values(tenants)) await mustBeExact(url, tenant)
    return [sectionOf(results), togetherOf(together, paced, perSecond)]
  } finally {
    await Promise.all([naive.close(), ours.close(), load.close()])
  }
}

export async function record(
  load: Load,
  port: number,
  tenant: Tenant,
  batch: number,
  ms: number,
  connections = CONNECTIONS,
  perSecond?: number,
): Promise<LoadResult> {
  const { path, headers } = tenant
  const pace = perSecond === undefined ? {} : { perSecond }
  const result = await load.run({ port, path, headers, connections, batch, ms, ...pace })
  tenant.acknowledged += result.events
  return result
}

export const rates = (results: LoadResult[]): number[] =>
  results.map(({ events, seconds }) => events / seconds)
export const latencies = (results: LoadResult[]): string =>
  latency(median(results.map(({ p50Ms }) => p50Ms)), median(results.map(({ p99Ms }) => p99Ms)))

type Together = { connections: number; loads: LoadResult[]; commands: number }

/** Calls that arrive while one is under way go together: the more there are, the fewer commands an event. */
function togetherOf(
  together: Together[],
  paced: Record<'naive' | 'one', LoadResult[]>,
  perSecond: number,
): Section {
  return {
    title: 'Single events through HTTP on Node, and what they cost Redis',
    rows: [
      ...together.map(({ connections, loads, commands }) => ({
        what: `${connections} ${connections === 1 ? 'connection' : 'connections'}`,
        figure: `${rateText(median(rates(loads)))}, ${short(commands)} commands an event`,
        latency: latencies(loads),
      })),
      {
        what: `at half of what it can, ${whole(perSecond)} a second; naive: with a key and a checked body`,
        figure: rateText(median(rates(paced.one))),
        naive: rateText(median(rates(paced.naive))),
        latency: `${latencies(paced.one)} (naive ${latencies(paced.naive)})`,
      },
    ],
  }
}

function sectionOf(results: Record<string, LoadResult[]>): Section {
  const rate = (name: string) => rates(results[name]!)
  const row = (what: string, name: string, naive = 'naive'): Row => ({
    what,
    ratio: faster(medianRatio(rate(name), rate(naive))),
    figure: rateText(median(rate(name))),
    naive: rateText(median(rate(naive))),
    latency: `${latencies(results[name]!)} (naive ${latencies(results[naive]!)})`,
  })
  const single = row('one event a request', 'one')
  single.targets = [
    atMost(TIMES_SLOWER, medianRatio(rate('naive'), rate('one')), '× the time'),
    atLeast(SINGLE_PER_SECOND, median(rate('one')), '/s'),
  ]
  const checked = row(
    'one event, against a naive server that asks for a key and checks the body',
    'one',
    'checked',
  )
  checked.targets = [atMost(1, medianRatio(rate('checked'), rate('one')), '× the time')]
  const hundred = row('batches of 100', 'batch 100')
  hundred.targets = [atLeast(BATCH_100_PER_SECOND, median(rate('batch 100')), '/s')]
  return {
    title: `Recording through HTTP on Node, ${CONNECTIONS} connections`,
    rows: [single, checked, row('batches of 10', 'batch 10'), hundred, row('batches of 500', 'batch 500')],
  }
}
