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
          `“against naive” is against one database; under “naive”, cores that were busy, of ${PROCESSES}: of the server’s processes, of Redis, of the load; the machine’s are with other work on it`,
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
  const cores = (of: (one: Measured) => number) => short(median(results.map(of)))
  const redis = (one: Measured) =>
    Object.keys(one.cpu).flatMap((name) => (name.startsWith('redis') ? [one.cpu[name]!] : []))
  const each = Array.from({ length: databases }, (_, n) => cores((one) => redis(one)[n]!))
  const ratio = medianRatio(rates(results), rates(found[`${kind} 1`]!))
  return {
    what,
    ...(databases > 1 && { ratio: `${short(ratio)}× the rate` }),
    figure: perSecond(median(rates(results))),
    naive: `Node ${cores((one) => one.cpu.node!)}, Redis ${each.join(' + ')}, load ${cores(({ busy }) => busy)}, machine ${cores(({ machine }) => machine)}`,
    latency: latencies(results),
  }
}
