// COUNTER_DATABASES: `npm start` with several Redis, one of which is not configured any more, or can't be reached.

import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { freePort } from '../faults/children.ts'
import { RedisServer } from '../faults/redis-server.ts'
import { temporaryFolder } from '../local/support.ts'
import { freshDatabase } from '../support/postgres.ts'
import { real } from '../support/redis.ts'
import { ADMIN, call, closing, start, urlOf } from './start.ts'

it.runIf(real)(
  'a database that holds a partition is named where it is missing or away',
  async () => {
    const [postgres, folder, ...ports] = await Promise.all([
      freshDatabase(),
      temporaryFolder(),
      ...[freePort(), freePort()],
    ])
    const [main, second] = ports.map((port) => new RedisServer(folder.path, port, `redis-${port}`)) as [
      RedisServer,
      RedisServer,
    ]
    closing.push(
      folder.remove,
      postgres.drop,
      () => main.stop(),
      () => second.stop(),
    )
    await Promise.all([main.startEmpty('everysec'), second.startEmpty('everysec')])
    const at = (server: RedisServer) => `redis://127.0.0.1:${server.port}`
    const both = { DATABASE_URL: postgres.url, COUNTER_DATABASES: `main=${at(main)} second=${at(second)}` }

    const first = await start(both)
    const url = await urlOf(first)
    const opened = await call(url, 'POST', '/api/v1/partitions', ADMIN, { database: 'second' })
    expect(opened).toMatchObject({ status: 201, body: { id: 1, database: 'second', state: 'open' } })
    const made = await call(url, 'POST', '/api/v1/tenants', ADMIN, { name: 'There', partition: 1 })
    const { key } = made.body.api_key
    const event = { customer_id: 'c', resource_type: 'call', id: '1' }
    await call(url, 'POST', '/api/v1/meters', key, {
      key: 'calls',
      resource_type: 'call',
      aggregation: 'count',
    })
    expect((await call(url, 'POST', '/api/v1/usage', key, event)).body).toMatchObject({ accepted: 1 })
    const client = new Redis(at(second))
    const known = await client.hget('tg:{1}:meta', `t:${made.body.id}`).finally(() => client.disconnect())
    // Ids are packed on a server.
    expect(known).toMatch(/ 1:\d+:1:\d+:p\d+\.1$/)
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(0)

    const without = await start({ ...both, COUNTER_DATABASES: `main=${at(main)}` })
    expect(await without.ended).toBe(1)
    expect(without.lines.join('\n')).toContain(
      'Database second holds partition 1, but COUNTER_DATABASES does not name it.',
    )
    const swapped = await start({ ...both, COUNTER_DATABASES: `main=${at(second)} second=${at(main)}` })
    expect(await swapped.ended).toBe(1)
    expect(swapped.lines.join('\n')).toContain('partition 1 at the address of main')

    await second.stop()
    const alone = await start(both)
    const again = await urlOf(alone)
    expect(alone.lines.join('\n')).toContain('Redis: second can’t be reached')
    expect((await call(again, 'POST', '/api/v1/usage', key, event)).status).toBe(503)
    const here = await call(again, 'POST', '/api/v1/tenants', ADMIN, { name: 'Here' })
    expect(await call(again, 'GET', '/api/v1/usage', here.body.api_key.key)).toMatchObject({ status: 200 })
    await second.start()
    const sent = async () => (await call(again, 'POST', '/api/v1/usage', key, event)).body
    await expect.poll(sent, { timeout: 30_000 }).toMatchObject({ accepted: 0, duplicates: 1 })
  },
  300_000,
)
