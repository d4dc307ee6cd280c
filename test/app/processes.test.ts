// PROCESSES: several processes of `npm start` on one port, over real servers; embedded stores refuse it.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { freePort } from '../faults/children.ts'
import { RedisServer } from '../faults/redis-server.ts'
import { temporaryFolder } from '../local/support.ts'
import { freshDatabase } from '../support/postgres.ts'
import { real } from '../support/redis.ts'
import { ADMIN, call, closing, START_MS, type Started, start, urlOf } from './start.ts'

async function startOnServers(processes: number): Promise<Started & { url: string }> {
  const [database, folder, port] = await Promise.all([freshDatabase(), temporaryFolder(), freePort()])
  const redis = new RedisServer(folder.path, port)
  closing.push(folder.remove, database.drop, () => redis.stop())
  await redis.startEmpty('everysec')
  const started = await start({
    PROCESSES: String(processes),
    REDIS_URL: `redis://127.0.0.1:${port}`,
    DATABASE_URL: database.url,
    SEGMENT_MAX_AGE_SECONDS: '0',
    FLUSH_EVERY_SECONDS: '1',
  })
  return { ...started, url: await urlOf(started) }
}

const pidsIn = (lines: string[]): number[] =>
  lines.flatMap((line) => /^process \d+: pid (\d+)/.exec(line)?.[1] ?? []).map(Number)

describe('several processes with an embedded store', () => {
  it('are refused, and the store that they can’t have is named', async () => {
    const { ended, lines } = await start({ PROCESSES: '2' })
    expect(await ended).toBe(1)
    const said = lines.join('\n')
    expect(said).toContain(
      'PROCESSES can’t be 2 with the embedded Redis, which is for one process: set REDIS_URL',
    )
    expect(said).toContain(
      'PROCESSES can’t be 2 with the embedded Postgres, which is for one process: set DATABASE_URL',
    )
  })
})

describe('several processes', () => {
  it.each([
    { REDIS_URL: 'redis://10.0.0.5:6379' },
    { COUNTER_DATABASES: 'main=redis://10.0.0.5:6379 second=redis://10.0.0.6:6379' },
    { UPSTASH_REDIS_REST_URL: 'https://eu1.upstash.io', UPSTASH_REDIS_REST_TOKEN: 'token' },
  ])('may have counters in %o', (counters) => {
    const env = { PROCESSES: '2', DATABASE_URL: 'postgres://10.0.0.7/tollgate', ...counters }
    expect(readConfig(env)).toMatchObject({ PROCESSES: 2 })
  })
})

describe.runIf(real)('several processes over real servers', () => {
  it('share one port, and one of them has the jobs', async () => {
    const { url, lines, child, ended } = await startOnServers(3)
    expect(new Set(pidsIn(lines)).size).toBe(3)
    expect((await call(url, 'GET', '/health', '')).body).toEqual({ status: 'ok' })
    expect(await call(url, 'GET', '/ready', '')).toMatchObject({ status: 200, body: { status: 'ready' } })
    const flushes = () => lines.filter((line) => line.includes('flush: '))
    await expect.poll(() => flushes().length, { timeout: 30_000 }).toBeGreaterThan(2)
    expect(flushes().every((line) => line.startsWith('process 1: '))).toBe(true)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    for (const id of [1, 2, 3]) expect(lines).toContain(`process ${id}: SIGTERM: draining`)
  }, 300_000)

  it('bill each event that was acknowledged once, while one after the other is killed under load', async () => {
    const { url, lines } = await startOnServers(2)
    const made = await call(url, 'POST', '/api/v1/tenants', ADMIN, { name: 'Killed' })
    const { key } = made.body.api_key
    const meter = { key: 'calls', resource_type: 'api_call', aggregation: 'sum' }
    expect((await call(url, 'POST', '/api/v1/meters', key, meter)).status).toBe(201)

    let over = false
    let acknowledged = 0
    let cutOff = 0
    async function lane(l: number): Promise<void> {
      for (let i = 0; !over; i++) {
        const event = { id: `${l}-${i}`, customer_id: 'c', resource_type: 'api_call', quantity: 3 }
        for (let sent = false; !sent; ) {
          const answer = await call(url, 'POST', '/api/v1/usage', key, event).catch(() => null)
          if (answer === null) cutOff++
          sent = answer?.status === 200
          // Whoever was cut off sends again, as the README says.
          if (!sent) await sleep(20)
        }
        acknowledged++
      }
    }
    const lanes = Array.from({ length: 8 }, (_, l) => lane(l))
    const replaced = () =>
      lines.filter((line) => line.includes('was ended by SIGKILL: another takes its place')).length
    // The one with the jobs, too.
    for (let kills = 1; kills <= 3; kills++) {
      await sleep(1_500)
      const pids = pidsIn(lines)
      process.kill(pids[kills === 1 ? 0 : pids.length - 1]!, 'SIGKILL')
      await expect.poll(replaced, { timeout: 30_000 }).toBe(kills)
      await expect.poll(() => pidsIn(lines).length, { timeout: START_MS }).toBe(2 + kills)
    }
    const flushes = lines.length
    await expect
      .poll(() => lines.slice(flushes).some((line) => line.includes('flush: ')), { timeout: 30_000 })
      .toBe(true)
    over = true
    await Promise.all(lanes)
    expect(acknowledged).toBeGreaterThan(100)
    expect(cutOff).toBeGreaterThan(0)
    const { body } = await call(url, 'GET', '/api/v1/usage', key)
    expect(body.data).toMatchObject([{ customer_id: 'c', quantity: String(3 * acknowledged) }])
  }, 600_000)
})
