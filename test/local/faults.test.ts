// How the production clients fare when the network fails them: what a fault hook says happens, happens.

import { sql } from 'drizzle-orm'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as neonBridge from '../../src/local/neon-bridge.ts'
import * as upstashBridge from '../../src/local/upstash-bridge.ts'
import { type Db, rows } from '../../src/stores/postgres/db.ts'
import { openNeon } from '../../src/stores/postgres/neon.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { upstashConnection } from '../../src/stores/redis/upstash.ts'
import { openRedisFarEnd, openSqlFarEnd, type SqlFarEnd } from './support.ts'

/** The first requests go wrong so; those after the last are undisturbed. */
function script<Fault>() {
  let faults: (Fault | undefined)[] = []
  let requests = 0
  return {
    hook: () => {
      requests++
      return faults.shift()
    },
    next: (...these: (Fault | undefined)[]) => {
      faults = these
      requests = 0
    },
    requests: () => requests,
  }
}

describe('Redis through the Upstash client', () => {
  const faults = script<upstashBridge.Fault>()
  const token = 'token'
  let client: Redis
  let url: string
  let connection: RedisConnection
  const closing: (() => Promise<void>)[] = []
  const count = "return redis.call('INCR', KEYS[1])"

  beforeAll(async () => {
    const farEnd = await openRedisFarEnd(14)
    client = farEnd.client
    const bridge = await upstashBridge.startUpstashBridge({ client, token, fault: faults.hook })
    url = bridge.url
    connection = upstashConnection({ url, token, timeoutMs: 5_000 })
    closing.push(bridge.close, farEnd.close)
  })
  afterAll(async () => {
    for (const close of closing) await close()
  })
  beforeEach(async () => {
    faults.next()
    await client.flushdb()
  })

  test('a refused request is sent again and applied once', async () => {
    faults.next('refuse', 'refuse')
    expect(await connection.eval(count, ['n'], [])).toBe(1)
    expect(faults.requests()).toBe(3)
  })

  test('a request whose reply was lost is sent again, and so applied again: scripts have to bear it', async () => {
    faults.next('lose_reply')
    expect(await connection.eval(count, ['n'], [])).toBe(2)
  })

  test('a request that arrives twice is applied twice', async () => {
    faults.next('twice')
    expect(await connection.eval(count, ['n'], [])).toBe(2)
    expect(faults.requests()).toBe(1)
  })

  test('it gives up after its retries', async () => {
    faults.next('refuse', 'refuse', 'refuse', 'refuse')
    await expect(connection.eval(count, ['n'], [])).rejects.toThrow()
    expect(faults.requests()).toBe(4)
    expect(await client.exists('n')).toBe(0)
  })

  test('as many retries as asked for, and none when none', async () => {
    const once = upstashConnection({ url, token, timeoutMs: 5_000, retries: 0 })
    faults.next('lose_reply', 'lose_reply')
    await expect(once.eval(count, ['n'], [])).rejects.toThrow()
    expect(await client.get('n')).toBe('1')
  })

  test('a request that takes too long fails, and is not sent again', async () => {
    const impatient = upstashConnection({ url, token, timeoutMs: 50 })
    let letGo = () => {}
    const held = new Promise<undefined>((resolve) => {
      letGo = () => resolve(undefined)
    })
    faults.next(held as never)
    await expect(impatient.eval(count, ['n'], [])).rejects.toThrow(/timeout/i)
    letGo()
    expect(faults.requests()).toBe(1)
    await impatient.ping().catch(() => {})
  })

  test('an answer of the service that is an error is given to the caller', async () => {
    faults.next({ status: 503, error: 'ERR out of order' })
    await expect(connection.eval(count, ['n'], [])).rejects.toThrow('ERR out of order')
    expect(await client.exists('n')).toBe(0)
  })

  test('a delayed request is applied in the end', async () => {
    faults.next({ delayMs: 20 })
    expect(await connection.eval(count, ['n'], [])).toBe(1)
  })

  test('an unknown script is recognisable, and no command stands in the message', async () => {
    const error = await connection.evalsha('f'.repeat(40), ['n'], ['secret']).catch((reason) => reason)
    expect(error.message).toMatch(/NOSCRIPT/)
    expect(error.message).not.toMatch(/secret/)
  })

  test('replies have the shapes of RESP2', async () => {
    const shapes = "return {1, 'two', {false, {'4'}}, '18446744073709551616'}"
    expect(await connection.eval(shapes, [], [])).toEqual([1, 'two', [null, ['4']], '18446744073709551616'])
  })
})

describe('Postgres through the Neon driver', () => {
  const faults = script<neonBridge.Fault>()
  let farEnd: SqlFarEnd
  let db: Db
  let bridge: Awaited<ReturnType<typeof neonBridge.startNeonBridge>>
  const insert = sql`insert into counted default values`

  const counted = async () => Number((await farEnd.query('select count(*) from counted')).rows[0]![0])

  beforeAll(async () => {
    farEnd = await openSqlFarEnd()
    await farEnd.query('create table counted (id int generated always as identity)')
    bridge = await neonBridge.startNeonBridge({ backend: farEnd.backend, password: 'pw', fault: faults.hook })
    db = openNeon(bridge.connectionString, { fetchEndpoint: bridge.fetchEndpoint, timeoutMs: 5_000 }).db
  })
  afterAll(async () => {
    await bridge.close()
    await farEnd.close()
  })
  beforeEach(async () => {
    faults.next()
    await farEnd.query('delete from counted')
  })

  test('a refused statement fails and is not applied', async () => {
    faults.next('refuse')
    await expect(rows(db, insert)).rejects.toThrow()
    expect(await counted()).toBe(0)
  })

  test('a statement whose reply was lost fails and is applied: the driver does not try again', async () => {
    faults.next('lose_reply')
    await expect(rows(db, insert)).rejects.toThrow()
    expect([await counted(), faults.requests()]).toEqual([1, 1])
  })

  test('a statement that arrives twice is applied twice', async () => {
    faults.next('twice')
    await rows(db, insert)
    expect(await counted()).toBe(2)
  })

  test('an outage of the service is an error with its text', async () => {
    faults.next({ status: 500, error: 'endpoint is disabled' })
    const error = await rows(db, insert).catch((reason) => reason)
    expect(error.cause.message).toMatch(/endpoint is disabled/)
    expect(await counted()).toBe(0)
  })

  test('a statement that takes too long fails', async () => {
    const impatient = openNeon(bridge.connectionString, {
      fetchEndpoint: bridge.fetchEndpoint,
      timeoutMs: 50,
    }).db
    let letGo = () => {}
    faults.next(
      new Promise<undefined>((resolve) => {
        letGo = () => resolve(undefined)
      }) as never,
    )
    const error = await rows(impatient, insert).catch((reason) => reason)
    expect(String(error.cause)).toMatch(/timeout/i)
    letGo()
    await expect.poll(counted).toBe(1)
  })

  test('two bridges in one process are told apart', async () => {
    const other = await openSqlFarEnd()
    const second = await neonBridge.startNeonBridge({ backend: other.backend, password: 'other' })
    const otherDb = openNeon(second.connectionString, {
      fetchEndpoint: second.fetchEndpoint,
      timeoutMs: 5_000,
    }).db
    await expect(rows(otherDb, insert)).rejects.toThrow()
    await rows(db, insert)
    expect(await counted()).toBe(1)
    await second.close()
    await other.close()
  })
})
