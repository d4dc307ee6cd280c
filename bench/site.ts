// An installation of its own: several databases of counters, a Postgres database, and as many Node processes as there are cores.

import { availableParallelism } from 'node:os'
import { bearer, call, makeTenant, type Tenant } from './api.ts'
import { startServer } from './child.ts'
import { closing } from './closing.ts'
import { childrenOf } from './cpu.ts'
import { type OwnRedis, startRedis } from './redis-servers.ts'
import { inDatabase, type Servers } from './servers.ts'

export const PROCESSES = availableParallelism()

export type Site = {
  url: string
  port: number
  adminToken: string
  redis: OwnRedis[]
  /** of the processes that serve */
  servers: () => number[]
  /** its home is the nth database, or all of them, by customer */
  tenant(home: number | 'spread'): Promise<Tenant>
  move(tenant: Tenant, home: number): Promise<void>
  close(): Promise<void>
}

/** Partition n is in database n. */
export async function openSite({ databaseUrl }: Servers, databases: number): Promise<Site> {
  const database = `tollgate_bench_site_${databases}`
  await inDatabase(databaseUrl, `drop database if exists ${database} with (force)`)
  await inDatabase(databaseUrl, `create database ${database}`)
  const own = new URL(databaseUrl)
  own.pathname = `/${database}`
  const opened: (() => Promise<unknown>)[] = [
    closing(() => inDatabase(databaseUrl, `drop database if exists ${database} with (force)`)),
  ]
  const close = async () => {
    for (const one of opened.splice(0).reverse()) await one()
  }
  try {
    const redis: OwnRedis[] = []
    for (let n = 0; n < databases; n++) {
      const one = await startRedis()
      opened.push(one.close)
      redis.push(one)
    }
    const names = redis.map((_, n) => (n === 0 ? 'main' : `database-${n + 1}`))
    const adminToken = crypto.randomUUID()
    const server = await startServer('../src/node.ts', {
      COUNTER_DATABASES: names.map((name, n) => `${name}=${redis[n]!.url}`).join(' '),
      DATABASE_URL: own.href,
      PROCESSES: String(PROCESSES),
      ADMIN_TOKEN: adminToken,
    })
    opened.push(server.close)
    const url = `http://127.0.0.1:${server.port}`
    const admin = bearer(adminToken)
    for (const name of names.slice(1))
      await call(url, admin, 'POST', '/api/v1/partitions', { database: name })
    const placed = (tenant: Tenant, placement: object) =>
      call(url, admin, 'POST', `/api/v1/tenants/${tenant.id}/placement`, placement)
    return {
      ...{ url, port: server.port, adminToken, redis, close },
      servers: () => (PROCESSES === 1 ? [server.pid] : childrenOf(server.pid)),
      tenant: async (home) => {
        const tenant = await makeTenant(url, adminToken, { partition: home === 'spread' ? 0 : home })
        if (home === 'spread' && databases > 1)
          await placed(tenant, { partitions: names.map((_, n) => n), spread_by: 'customer' })
        return tenant
      },
      move: async (tenant, home) => {
        await placed(tenant, { partitions: [home] })
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
