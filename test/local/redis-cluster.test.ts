// A Redis Cluster of three, with partitions on all of its nodes, and some of the laws on it: tenants are spread over two of its
// partitions, which two of the nodes have. It needs redis-server and redis-cli.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { namedDatabases } from '../../src/databases.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import { isCluster, openRedisCluster } from '../../src/stores/redis/cluster.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import { metaKey } from '../../src/stores/redis/keys.ts'
import { Child, eventually, freePort, newFolder, removeFolder } from '../faults/children.ts'
import { findRedis } from '../faults/redis-server.ts'
import { batch, tenantConfig } from '../support/metering.ts'
import { real } from '../support/redis.ts'
import { asOne, spreadOverTwo } from '../support/two-databases.ts'

const laws = {
  exactness: () => import('../laws/exactness.test.ts'),
  'the log, counted again': () => import('../laws/log-recounted.test.ts'),
  erasure: () => import('../log/erasure.test.ts'),
}

const NODES = 3
const PARTITIONS = 12
const run = promisify(execFile)

describe.runIf(real)('a Redis Cluster of three', () => {
  const folder = newFolder()
  const ports: number[] = []
  const nodes: Child[] = []
  let cluster: ReturnType<typeof openRedisCluster>
  let counters: RedisCounterStore

  beforeAll(async () => {
    for (let n = 0; n < NODES; n++) {
      const port = await freePort()
      ports.push(port)
      nodes.push(new Child(findRedis(), nodeArguments(port, n), { cwd: folder }))
    }
    const create = ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes']
    await eventually('The cluster is made', 60_000, () => run('redis-cli', create))
    await eventually('The cluster is up', 60_000, async () => {
      const { stdout } = await run('redis-cli', ['-p', String(ports[0]), 'cluster', 'info'])
      if (!stdout.includes('cluster_state:ok')) throw new Error(stdout)
    })
    // Any of them leads to the others.
    const url = `redis+cluster://127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}`
    expect(namedDatabases(readConfig({ REDIS_URL: url }))).toEqual([{ name: 'main', url, token: null }])
    expect(isCluster(url)).toBe(true)
    cluster = openRedisCluster(url, { timeoutMs: 5_000 })
    const limits = { ...defaultLimits, segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0 }
    counters = RedisCounterStore.inOne(cluster.connection, limits, PARTITIONS, { coalesce: true })
  })
  afterAll(async () => {
    await cluster?.close()
    await Promise.all(nodes.map((node) => node.end('SIGKILL')))
    removeFolder(folder)
  })

  const nodeArguments = (port: number, n: number): string[] =>
    Object.entries({
      ...{ port, dir: folder, save: '', appendonly: 'no', bind: '127.0.0.1' },
      ...{ 'cluster-enabled': 'yes', 'cluster-config-file': join(folder, `nodes-${n}.conf`) },
    }).flatMap(([name, value]) => [`--${name}`, String(value)])

  it('has each partition on one node, and partitions on all of them', async () => {
    const tenants = Array.from({ length: 40 }, () => tenantConfig())
    for (const tenant of tenants) {
      expect(await counters.record(batch(tenant, [{ id: 'x' }, { id: 'y' }]))).toMatchObject({
        kind: 'recorded',
      })
      expect(await counters.record(batch(tenant, [{ id: 'x' }]))).toEqual({
        kind: 'recorded',
        verdicts: ['duplicate'],
      })
    }
    for (const node of cluster.client.nodes('master')) expect(await node.dbsize()).toBeGreaterThan(0)
    for (const tenant of tenants) {
      const { counters: live } = await counters.readLive(tenant.tenantId, ['alice'])
      expect(live.map(({ a }) => a)).toEqual(['2'])
    }
  })

  it('is settled, and answers again after its scripts were flushed', async () => {
    await Promise.all(cluster.client.nodes('master').map((node) => node.script('FLUSH')))
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const sealed = await counters.seal(partition, { owner: 'test', ms: 0 })
      if (sealed.kind !== 'sealed') throw new Error(sealed.kind)
      for (const segment of sealed.segments)
        await counters.discard(segment, await counters.readSegment(segment))
      expect(await counters.state(partition)).toMatchObject({ unsettledCounters: 0, sealed: [] })
    }
    expect(await counters.unreachable()).toEqual([])
  })
  spreadOverTwo(async () => {
    const { client, connection } = cluster
    const masters = client.nodes('master')
    const keys = asOne(masters, () => client)
    return { connection, second: connection, client: keys, setFault: () => {}, close: async () => {} }
  })

  it('has the partitions that the laws are tried in on different nodes', async () => {
    const slots = await Promise.all(
      [0, 1].map((partition) => cluster.client.cluster('KEYSLOT', metaKey(partition))),
    )
    expect(new Set(slots.map((slot) => cluster.client.slots[slot]![0])).size).toBe(2)
  })

  describe.each(real ? Object.entries(laws) : [])('%s', async (_, load) => {
    await load()
  })
})
