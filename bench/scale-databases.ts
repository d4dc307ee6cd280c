// One, two and four databases of counters, with as many Node processes as cores: batches of several tenants, and of one that is
// spread over all of them. What the processes took says what the limit was.

import { mustBeExact, type Tenant } from './api.ts'
import { cpuMeter, machineMeter } from './cpu.ts'
import { latencies, rates } from './http.ts'
import type { LoadResult } from './load.ts'
import { type Load, startLoad } from './load-client.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { perSecond, type Row, type Section, short } from './report.ts'
import type { Servers } from './servers.ts'
import { openSite, PROCESSES, type Site } from './site.ts'

const DATABASES = [1, 2, 4]
const TENANTS = 8
const CONNECTIONS = 32
const BATCH = 100
const ROUND_MS = 3_000
const ROUNDS = 5

type Measured = LoadResult & { cpu: Record<string, number>; machine: number }

export async function benchDatabases(servers: Servers, { quick, seconds }: Options): Promise<Section[]> {
  const rounds =
    seconds === null ? (quick ? 1 : ROUNDS) : Math.max(1, Math.round((seconds * 1000) / ROUND_MS))
  const load = startLoad()
  const sites: Site[] = []
  try {
    const ways: Record<string, () => Promise<Measured>> = {}
    const all: { site: Site; tenant: Tenant }[] = []
    for (const databases of DATABASES) {
      const site = await openSite(servers, databases)
      sites.push(site)
      const several: Tenant[] = []
      for (let n = 0; n < TENANTS; n++) several.push(await site.tenant(n % databases))
      const spread = await site.tenant('spread')
      ways[`several ${databases}`] = () => measured(load, site, several)
      ways[`spread ${databases}`] = () => measured(load, site, [spread])
      all.push(...[...several, spread].map((tenant) => ({ site, tenant })))
    }
    await inTurn(ways, 1)
    const found = await inTurn(ways, rounds)
    for (const { site, tenant } of all) await mustBeExact(site.url, tenant)
    const rows = (kind: string, what: string) =>
      DATABASES.map((n) => row(`${what}, ${n} ${n === 1 ? 'database' : 'databases'}`, found, kind, n))
    return [
      {
        title: `Databases of counters, ${PROCESSES} Node processes, batches of ${BATCH}, ${CONNECTIONS} connections`,
        rows: [...rows('several', `${TENANTS} tenants`), ...rows('spread', 'one spread tenant')],
        notes: [
          'against one database; under “naive”, what an event took of the processor, and how many of the cores that were busy had this to do: the server’s processes, Redis and the load',
        ],
      },
    ]
  } finally {
    await load.close()
    for (const site of sites) await site.close()
  }
}

async function measured(load: Load, site: Site, tenants: Tenant[]): Promise<Measured> {
  const cpu = cpuMeter([
    { name: 'node', pids: site.servers },
    ...site.redis.map(({ pid }, n) => ({ name: `redis ${n}`, pids: () => [pid] })),
  ])
  const machine = machineMeter()
  const result = await load.run({
    port: site.port,
    path: tenants[0]!.path,
    headers: {},
    tenants: tenants.map(({ headers }) => headers),
    connections: CONNECTIONS,
    batch: BATCH,
    ms: ROUND_MS,
  })
  for (const [n, tenant] of tenants.entries()) tenant.acknowledged += result.eventsOf[n]!
  const busy = Object.entries(cpu()).map(([name, took]) => [name, took / result.seconds] as const)
  return { ...result, cpu: Object.fromEntries(busy), machine: machine() }
}

function row(what: string, found: Record<string, Measured[]>, kind: string, databases: number): Row {
  const results = found[`${kind} ${databases}`]!
  const middle = (of: (one: Measured) => number) => median(results.map(of))
  const ofRedis = ({ cpu }: Measured) =>
    Object.keys(cpu).flatMap((name) => (name.startsWith('redis') ? [cpu[name]!] : []))
  const redis = (one: Measured) => ofRedis(one).reduce((sum, cores) => sum + cores)
  const micros = (cores: (one: Measured) => number) =>
    short(middle((one) => (cores(one) * one.seconds * 1e6) / one.events))
  const busiest = middle((one) => Math.max(...ofRedis(one)) / redis(one))
  const ours = middle((one) => one.cpu.node! + redis(one) + one.busy)
  const ratio = medianRatio(rates(results), rates(found[`${kind} 1`]!))
  return {
    what,
    ...(databases > 1 && { ratio: `${short(ratio)}× the rate` }),
    figure: perSecond(median(rates(results))),
    naive: [
      `Node ${micros(({ cpu }) => cpu.node!)} µs, Redis ${micros(redis)} µs an event`,
      ...(databases > 1 ? [`${Math.round(busiest * 100)} % of it in one database`] : []),
      `${short(ours)} of ${short(middle(({ machine }) => machine))} busy cores`,
    ].join(', '),
    latency: latencies(results),
  }
}
