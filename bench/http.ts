// Recording through HTTP on Node: the real server, and the naive one on the same framework, in turn under the same load.

import { makeTenant, mustBeExact, type Tenant } from './api.ts'
import { startServer } from './child.ts'
import type { LoadResult } from './load.ts'
import { type Load, startLoad } from './load-client.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atLeast, atMost, faster, latency, perSecond, type Row, type Section } from './report.ts'
import type { Servers } from './servers.ts'

const CONNECTIONS = 32
const BATCHES = [10, 100, 500]
const TIMES_SLOWER = 1.5
const SINGLE_PER_SECOND = 5_000
const BATCH_100_PER_SECOND = 60_000

export async function benchHttp(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const { rounds, ms } = quick ? { rounds: 2, ms: 700 } : { rounds: 7, ms: 2_000 }
  const adminToken = crypto.randomUUID()
  const naive = await startServer('naive-server.ts', { REDIS_URL: servers.redisUrl })
  const ours = await startServer('../src/node.ts', {
    REDIS_URL: servers.redisUrl,
    DATABASE_URL: servers.databaseUrl,
    ADMIN_TOKEN: adminToken,
  })
  const load = startLoad()
  const url = `http://127.0.0.1:${ours.port}`
  try {
    const naively = () =>
      load.run({ port: naive.port, path: '/usage', headers: {}, connections: CONNECTIONS, batch: 1, ms })
    const tenants: Record<string, Tenant> = {}
    for (const size of [1, ...BATCHES]) tenants[size] = await makeTenant(url, adminToken)
    const ways: Record<string, () => Promise<LoadResult>> = { naive: naively }
    for (const size of [1, ...BATCHES]) ways[size] = () => record(load, ours.port, tenants[size]!, size, ms)
    await inTurn(ways, 1)
    const results = await inTurn(ways, rounds)
    for (const tenant of Object.values(tenants)) await mustBeExact(url, tenant)
    return [sectionOf(results)]
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
): Promise<LoadResult> {
  const result = await load.run({ port, path: tenant.path, headers: tenant.headers, connections, batch, ms })
  tenant.acknowledged += result.events
  return result
}

export const rates = (results: LoadResult[]): number[] =>
  results.map(({ events, seconds }) => events / seconds)
export const latencies = (results: LoadResult[]): string =>
  latency(median(results.map(({ p50Ms }) => p50Ms)), median(results.map(({ p99Ms }) => p99Ms)))

function sectionOf(results: Record<string, LoadResult[]>): Section {
  const naive = rates(results.naive!)
  const row = (what: string, name: string): Row => ({
    what,
    ratio: faster(medianRatio(rates(results[name]!), naive)),
    figure: perSecond(median(rates(results[name]!))),
    naive: perSecond(median(naive)),
    latency: latencies(results[name]!),
  })
  const single = row('one event a request', '1')
  single.targets = [
    atMost(TIMES_SLOWER, medianRatio(naive, rates(results[1]!)), '× the time'),
    atLeast(SINGLE_PER_SECOND, median(rates(results[1]!)), '/s'),
  ]
  const hundred = row('batches of 100', '100')
  hundred.targets = [atLeast(BATCH_100_PER_SECOND, median(rates(results[100]!)), '/s')]
  return {
    title: `Recording through HTTP on Node, ${CONNECTIONS} connections`,
    rows: [
      {
        what: 'the naive server, one event a request',
        figure: '',
        naive: perSecond(median(naive)),
        latency: latencies(results.naive!),
      },
      single,
      row('batches of 10', '10'),
      hundred,
      row('batches of 500', '500'),
    ],
  }
}
