// Recording through HTTP on Node over the embedded stores: with the append-only file, and in memory only, in turn under the
// same load. It needs no server.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTenant, mustBeExact, type Tenant } from './api.ts'
import { startServer } from './child.ts'
import { closing } from './closing.ts'
import { latencies, rates, record } from './http.ts'
import type { LoadResult } from './load.ts'
import { startLoad } from './load-client.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { faster, perSecond, type Row, type Section } from './report.ts'

const WAYS = [
  { name: 'one event a request, 1 connection', batch: 1, connections: 1 },
  { name: 'one event a request, 32 connections', batch: 1, connections: 32 },
  { name: 'batches of 100, 32 connections', batch: 100, connections: 32 },
]

export async function benchEmbedded({ quick }: Options): Promise<Section[]> {
  const { warmUpRounds, rounds, ms } = quick
    ? { warmUpRounds: 1, rounds: 2, ms: 700 }
    : { warmUpRounds: 4, rounds: 7, ms: 2_000 }
  const adminToken = crypto.randomUUID()
  // A folder of this disk, not of the memory: TMPDIR says which.
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-bench-'))
  const removeFolder = closing(() => rm(folder, { recursive: true, force: true }))
  const start = (file: string) =>
    startServer('embedded-server.ts', { REDIS_FILE: file, ADMIN_TOKEN: adminToken })
  const started: { close(): Promise<void> }[] = []
  try {
    const kept = await start(join(folder, 'redis.aof'))
    started.push(kept)
    const bare = await start('')
    started.push(bare)
    const load = startLoad()
    started.push(load)
    const tenants: { url: string; tenant: Tenant }[] = []
    const ways: Record<string, () => Promise<LoadResult>> = {}
    for (const { name, batch, connections } of WAYS) {
      for (const [how, { port }] of Object.entries({ kept, bare })) {
        const url = `http://127.0.0.1:${port}`
        const tenant = await makeTenant(url, adminToken)
        tenants.push({ url, tenant })
        ways[`${how} ${name}`] = () => record(load, port, tenant, batch, ms, connections)
      }
    }
    await inTurn(ways, warmUpRounds)
    const results = await inTurn(ways, rounds)
    for (const { url, tenant } of tenants) await mustBeExact(url, tenant)
    return [sectionOf(results)]
  } finally {
    await Promise.all(started.map((one) => one.close()))
    await removeFolder()
  }
}

function sectionOf(results: Record<string, LoadResult[]>): Section {
  const rows = WAYS.map(({ name }): Row => {
    const [kept, bare] = [results[`kept ${name}`]!, results[`bare ${name}`]!]
    return {
      what: name,
      ratio: faster(medianRatio(rates(kept), rates(bare))),
      figure: perSecond(median(rates(kept))),
      naive: perSecond(median(rates(bare))),
      latency: `${latencies(kept)} (in memory ${latencies(bare)})`,
    }
  })
  return {
    title: 'Recording through HTTP on Node, over the embedded stores',
    rows,
    notes: [
      'each answer waits for the disk (fdatasync of the append-only file); “naive” is here the same server whose embedded Redis keeps nothing',
    ],
  }
}
