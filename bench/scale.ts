// Single events through the Worker at offered rates, with the committer and without it: what they cost Redis, and what joining
// adds to them. On workerd, with `wrangler dev` and both bridges on the same cores.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startLocalBackends } from '../src/local/backends.ts'
import { startWorker } from '../src/local/worker-process.ts'
import { makeTenant, mustBeExact } from './api.ts'
import { closing } from './closing.ts'
import { commandsSoFar, costPerMillion } from './commands.ts'
import { latencies, rates, record } from './http.ts'
import type { LoadResult } from './load.ts'
import { startLoad } from './load-client.ts'
import { median } from './measure.ts'
import type { Options } from './options.ts'
import { perSecond, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'

const CONNECTIONS = 64
const OFFERED = [1_000, 5_000]
const ROUNDS = 5

type Way = { name: string; config?: string; env: Record<string, string> }

export async function benchScale(servers: Servers, { quick }: Options): Promise<Section[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-bench-'))
  const without = join(folder, 'wrangler.toml')
  await writeFile(without, WITHOUT_COMMITTER)
  const ways: Way[] = [
    { name: 'without a committer', config: without, env: {} },
    { name: 'with one', env: {} },
    { name: 'with one, COMMIT_WAIT_MS=25', env: { COMMIT_WAIT_MS: '25' } },
  ]
  const { rounds, ms } = quick ? { rounds: 2, ms: 1_500 } : { rounds: ROUNDS, ms: 3_000 }
  try {
    const rows: Row[] = []
    for (const way of ways) rows.push(...(await measured(servers, way, rounds, ms)))
    return [
      {
        title: `Single events through the Worker, ${CONNECTIONS} connections`,
        rows,
        notes: [
          'local development, with `wrangler dev` and both bridges on the same cores: commands an event are what counts; times are those of these cores',
        ],
      },
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measured(servers: Servers, way: Way, rounds: number, ms: number): Promise<Row[]> {
  await servers.clear()
  const { redisUrl, databaseUrl, redis } = servers
  const adminToken = crypto.randomUUID()
  const backends = await startLocalBackends({ dataDir: null, redisUrl, databaseUrl })
  const closeBackends = closing(() => backends.close())
  const load = startLoad()
  try {
    const { config } = way
    const env = { ...backends.env, ...way.env, ADMIN_TOKEN: adminToken }
    const worker = await startWorker({ env, ...(config !== undefined && { config }) })
    const closeWorker = closing(() => worker.close())
    try {
      const port = Number(new URL(worker.url).port)
      const tenant = await makeTenant(worker.url, adminToken)
      await record(load, port, tenant, 1, ms, CONNECTIONS)
      const rows: Row[] = []
      for (const offered of OFFERED) {
        const before = await commandsSoFar(redis)
        const loads: LoadResult[] = []
        for (let round = 0; round < rounds; round++)
          loads.push(await record(load, port, tenant, 1, ms, CONNECTIONS, offered))
        const events = loads.reduce((sum, one) => sum + one.events, 0)
        const commands = ((await commandsSoFar(redis)) - before) / events
        rows.push({
          what: `${way.name}, ${whole(offered)} a second offered`,
          figure: `${short(commands)} commands an event ($${short(costPerMillion(commands))} a million), ${perSecond(median(rates(loads)))}`,
          latency: latencies(loads),
        })
      }
      await mustBeExact(worker.url, tenant)
      return rows
    } finally {
      await closeWorker()
    }
  } finally {
    await Promise.all([load.close(), closeBackends()])
  }
}

const WITHOUT_COMMITTER = `name = "tollgate-without-committer"
main = ${JSON.stringify(fileURLToPath(new URL('../src/worker.ts', import.meta.url)))}
compatibility_date = "2026-10-01"
compatibility_flags = ["nodejs_compat"]
`
