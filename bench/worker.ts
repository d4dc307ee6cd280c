// Recording through HTTP on workerd: `wrangler dev` and the local bridges over the same servers. What Cloudflare, Upstash
// and Neon do, it can't tell: it is for those who develop on it.

import { startLocalBackends } from '../src/local/backends.ts'
import { startWorker } from '../src/local/worker-process.ts'
import { makeTenant, mustBeExact } from './api.ts'
import { closing } from './closing.ts'
import { latencies, rates, record } from './http.ts'
import type { LoadResult } from './load.ts'
import { startLoad } from './load-client.ts'
import { inTurn, median } from './measure.ts'
import type { Options } from './options.ts'
import { perSecond, type Section, whole } from './report.ts'
import type { Servers } from './servers.ts'

const CONNECTIONS = 8
const BATCHES = [1, 100]

export async function benchWorker(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const { rounds, ms } = quick ? { rounds: 2, ms: 1_000 } : { rounds: 5, ms: 2_000 }
  const adminToken = crypto.randomUUID()
  const { redisUrl, databaseUrl } = servers
  const backends = await startLocalBackends({ dataDir: null, redisUrl, databaseUrl })
  const closeBackends = closing(() => backends.close())
  const load = startLoad()
  try {
    const worker = await startWorker({ env: { ...backends.env, ADMIN_TOKEN: adminToken } })
    const closeWorker = closing(() => worker.close())
    try {
      const port = Number(new URL(worker.url).port)
      const tenants = new Map<number, Awaited<ReturnType<typeof makeTenant>>>()
      for (const size of BATCHES) tenants.set(size, await makeTenant(worker.url, adminToken))
      const ways: Record<string, () => Promise<LoadResult>> = {
        health: () =>
          load.run({
            port,
            method: 'GET',
            path: '/health',
            headers: {},
            connections: CONNECTIONS,
            batch: 1,
            ms,
          }),
      }
      for (const size of BATCHES)
        ways[size] = () => record(load, port, tenants.get(size)!, size, ms, CONNECTIONS)
      await inTurn(ways, 1)
      const results = await inTurn(ways, rounds)
      for (const tenant of tenants.values()) await mustBeExact(worker.url, tenant)
      return [
        {
          title: `Recording through HTTP on workerd, ${CONNECTIONS} connections`,
          rows: [
            {
              what: 'GET /health, which asks no store',
              figure: `${whole(median(rates(results.health!)))} requests/s`,
              latency: latencies(results.health!),
            },
            ...BATCHES.map((size) => ({
              what: size === 1 ? 'one event a request' : `batches of ${size}`,
              figure: perSecond(median(rates(results[size]!))),
              latency: latencies(results[size]!),
            })),
          ],
          notes: [
            'local development, with `wrangler dev` and both bridges on the same cores; production has other figures',
          ],
        },
      ]
    } finally {
      await closeWorker()
    }
  } finally {
    await Promise.all([load.close(), closeBackends()])
  }
}
