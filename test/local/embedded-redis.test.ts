import { existsSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EmbeddedRedis, openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { saveSnapshot } from '../support/redis-snapshot.ts'
import { temporaryFolder } from './support.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let file: string
let opened: EmbeddedRedis[] = []

beforeEach(async () => {
  folder = await temporaryFolder()
  file = join(folder.path, 'redis.aof')
})
afterEach(async () => {
  for (const redis of opened) await redis.close()
  opened = []
  await folder.remove()
})

async function open(): Promise<EmbeddedRedis> {
  const redis = await openEmbeddedRedis({ file })
  opened.push(redis)
  return redis
}

const bytes = Buffer.from([0, 255, 10, 13, 34, 128])

async function fill(client: Redis): Promise<void> {
  await client.set('string', bytes)
  await client.set('empty', '')
  await client.hset('hash', 'f', 'v', 'ü', '', 'number', '123456789012345678901234567890')
  await client.rpush('list', 'a', 'b', 'a', '')
  await client.sadd('set', 'x', 'y')
  await client.zadd('zset', '-inf', 'first', 0, 'a', 0, 'b', 1.5, 'c', 1_760_000_000_000, 'd')
  await client.hset(bytes, 'key', 'that is no text')
  const large = Array.from({ length: 5_001 }, (_, i) => [`field ${i}`, `value ${i}`])
  await client.hset('large', ...large.flat())
}

async function contents(client: Redis): Promise<unknown> {
  return {
    keys: (await client.keysBuffer('*')).map((key) => key.toString('hex')).sort(),
    string: await client.getBuffer('string'),
    empty: await client.get('empty'),
    hash: await client.hgetall('hash'),
    list: await client.lrange('list', 0, -1),
    set: (await client.smembers('set')).sort(),
    zset: await client.zrange('zset', 0, -1, 'WITHSCORES'),
    odd: await client.hgetall(bytes),
    large: await client.hgetall('large'),
  }
}

describe('a clean restart', () => {
  test('keeps everything', async () => {
    const first = await open()
    await fill(first.client)
    const before = await contents(first.client)
    await first.close()
    const second = await open()
    expect(await contents(second.client)).toEqual(before)
  })

  test('keeps the instant at which a key expires, and drops what has expired meanwhile', async () => {
    const first = await open()
    const at = Date.now() + 1_000_000
    await first.client.hset('later', 'f', 'v')
    await first.client.pexpireat('later', at)
    await first.client.set('never', 'v')
    await first.client.set('soon', 'v', 'PX', 1)
    await first.close()
    while (Date.now() < at - 1_000_000 + 10) await new Promise((resolve) => setTimeout(resolve, 5))
    const { client } = await open()
    expect(await client.pexpiretime('later')).toBe(at)
    expect(await client.pexpiretime('never')).toBe(-1)
    expect(await client.exists('soon')).toBe(0)
  })

  test('is not hindered by keys that expire while the file is written anew', async () => {
    const first = await open()
    for (let i = 0; i < 300; i++) await first.client.set(`k${i}`, 'v', 'PX', 20 + (i % 30))
    await first.client.set('kept', 'v')
    await first.close()
    const { client } = await open()
    expect(await client.get('kept')).toBe('v')
    await expect.poll(() => client.keys('*')).toEqual(['kept'])
  })

  test('of an empty one is fine, too', async () => {
    await (await open()).close()
    expect(await (await open()).client.dbsize()).toBe(0)
  })

  test('asked to close twice, closes once', async () => {
    const redis = await open()
    await redis.client.set('k', 'v')
    await Promise.all([redis.close(), redis.close()])
    await redis.close()
    expect(await (await open()).client.get('k')).toBe('v')
  })
})

describe('the file', () => {
  test('is readable by its owner only', async () => {
    const redis = await open()
    await redis.client.set('k', 'v')
    await redis.close()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test('is not written where none was asked for', async () => {
    const redis = await openEmbeddedRedis()
    await redis.client.set('k', 'v')
    await redis.close()
    expect(await readdir(folder.path)).toEqual([])
  })

  test('is open in one process at a time, and free again after it', async () => {
    const first = await open()
    await expect(open()).rejects.toThrow(`${file} is open in this process already`)
    await first.close()
    await (await open()).close()
    expect(await readdir(folder.path)).toEqual(['redis.aof'])
  })
})

describe('the snapshot of a version before the append-only file', () => {
  const oldSnapshot = () => join(folder.path, 'redis.json')
  const openOver = async () => {
    const redis = await openEmbeddedRedis({ file, oldSnapshot: oldSnapshot() })
    opened.push(redis)
    return redis
  }

  test('is taken over once', async () => {
    const old = await openEmbeddedRedis()
    await fill(old.client)
    await old.client.pexpire('string', 1_000_000)
    const before = await contents(old.client)
    await saveSnapshot(old.client, oldSnapshot())
    await old.close()
    const first = await openOver()
    expect(await contents(first.client)).toEqual(before)
    expect(await first.client.pttl('string')).toBeGreaterThan(900_000)
    expect(existsSync(oldSnapshot())).toBe(false)
    await first.client.flushall()
    await first.close()
    expect(await (await openOver()).client.dbsize()).toBe(0)
  })

  test('is not read where a file is there already, which is told, and stays', async () => {
    const newer = await open()
    await newer.client.set('k', 'of the file')
    await newer.close()
    const old = await openEmbeddedRedis()
    await old.client.set('k', 'of the snapshot')
    await saveSnapshot(old.client, oldSnapshot())
    await old.close()
    const before = await readFile(oldSnapshot())
    const lines: string[] = []
    const redis = await openEmbeddedRedis({
      file,
      oldSnapshot: oldSnapshot(),
      log: (line) => lines.push(line),
    })
    opened.push(redis)
    expect(await redis.client.get('k')).toBe('of the file')
    expect(await readFile(oldSnapshot())).toEqual(before)
    expect(lines).toEqual([expect.stringContaining(`${oldSnapshot()} is not read`)])
  })

  test.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['without its end', (text: string) => text.slice(0, text.lastIndexOf('{'))],
    ['with a line missing', (text: string) => text.split('\n').toSpliced(1, 1).join('\n')],
  ])('that is damaged (%s) is refused by name, and left where it is', async (_name, damage) => {
    const old = await openEmbeddedRedis()
    await fill(old.client)
    await saveSnapshot(old.client, oldSnapshot())
    await old.close()
    await writeFile(oldSnapshot(), damage(await readFile(oldSnapshot(), 'utf8')))
    await expect(openOver()).rejects.toThrow(oldSnapshot())
    expect(existsSync(oldSnapshot())).toBe(true)
    expect(existsSync(file)).toBe(false)
  })
})

describe('reading in place', () => {
  test('a reply is not changed by what happens after it', async () => {
    const { client } = await open()
    await client.hset('h', 'f', '1')
    await client.zadd('z', 1, 'm')
    const [hash, , , after] = await Promise.all([
      client.hgetall('h'),
      client.hset('h', 'f', '2'),
      client.hdel('h', 'f'),
      client.hgetall('h'),
    ])
    expect([hash, after]).toEqual([{ f: '1' }, {}])
    const [range] = await Promise.all([client.zrange('z', 0, -1, 'WITHSCORES'), client.zadd('z', 2, 'm')])
    expect(range).toEqual(['m', '1'])
  })

  test('a copy is a copy', async () => {
    const { client } = await open()
    await client.hset('h', 'f', '1')
    await client.copy('h', 'copy')
    await client.hset('h', 'f', '2')
    await client.zadd('z', 1, 'm')
    await client.zunionstore('union', 1, 'z')
    await client.zadd('z', 5, 'm')
    expect(await client.hget('copy', 'f')).toBe('1')
    expect(await client.zscore('union', 'm')).toBe('1')
  })

  test('a wrong type is an error still', async () => {
    const { client } = await open()
    await client.set('k', 'v')
    await expect(client.hget('k', 'f')).rejects.toThrow(/WRONGTYPE/)
    await expect(client.zscore('k', 'f')).rejects.toThrow(/WRONGTYPE/)
  })

  test('a watched key that changes stops a transaction', async () => {
    const { client } = await open()
    const other = client.duplicate()
    await client.watch('h')
    await other.hset('h', 'f', '1')
    expect(await client.multi().set('k', 'v').exec()).toBeNull()
    other.disconnect()
  })
})

test('scripts run over the connection that the stores use', async () => {
  const { client } = await open()
  const connection = tcpConnection(client)
  await expect(connection.evalsha('f'.repeat(40), [], [])).rejects.toThrow('NOSCRIPT')
  const shapes = "return {KEYS[1], #ARGV, {false, {'4'}}, redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])}"
  expect(await connection.eval(shapes, ['h'], ['f', 'ü'])).toEqual(['h', 2, [null, ['4']], 1])
  expect(await connection.eval("return redis.call('HGETALL', KEYS[1])", ['h'], [])).toEqual(['f', 'ü'])
})
