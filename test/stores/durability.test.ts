// What the embedded Redis answered is on the disk: whatever is cut off, damaged or refused, and whenever.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/metering/limits.ts'
import type { Disk } from '../../src/stores/redis/append-only/disk.ts'
import { FRAME_HEADER_BYTES } from '../../src/stores/redis/append-only/frame.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import {
  type EmbeddedOptions,
  type EmbeddedRedis,
  openEmbeddedRedis,
} from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { Random } from '../fuzz/random.ts'
import { temporaryFolder } from '../local/support.ts'
import { afterCrash, dump, failingDisk, handledDisk, heldBy } from '../support/disks.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let file: string
let opened: EmbeddedRedis[] = []
let lines: string[] = []

beforeEach(async () => {
  folder = await temporaryFolder()
  file = join(folder.path, 'redis.aof')
  lines = []
})
afterEach(async () => {
  for (const redis of opened) await redis.close().catch(() => {})
  opened = []
  await folder.remove()
})

async function open(options: Partial<EmbeddedOptions> = {}): Promise<Redis> {
  const redis = await openEmbeddedRedis({ file, log: (line) => lines.push(line), ...options })
  opened.push(redis)
  return redis.client
}

/** As after `kill -9` at this moment. */
const afterKill = async () => await heldBy(await readFile(file))

const SCRIPT = `redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[2]) redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
  if ARGV[2] == '3' then redis.call('PEXPIRE', KEYS[1], 5000000) redis.call('HINCRBY', KEYS[1], 'n', 1) end
  return redis.call('HLEN', KEYS[1])`

/** Every kind of change, to few keys, so that they meet: types replaced, times set and taken away, what fails midway. */
function change(client: Redis, random: Random): Promise<unknown> {
  const key = () => `${random.pick(['h', 'z', 's', 'l', 'any'])}${random.int(3)}`
  const word = () => random.pick(['', 'a', 'b', 'ü', '\0\r\n', '12', 'word'])
  const commands: (() => [string, ...(string | number)[]])[] = [
    () => ['HSET', `h${random.int(3)}`, word(), word(), word(), word()],
    () => ['HSETNX', `h${random.int(3)}`, word(), word()],
    () => ['HDEL', `h${random.int(3)}`, word(), word()],
    () => ['HINCRBY', `h${random.int(3)}`, 'n', random.int(100) - 50],
    () => ['HINCRBYFLOAT', `h${random.int(3)}`, 'n', '0.1'],
    () => ['ZADD', `z${random.int(3)}`, random.int(10), word(), '-1.5e3', word()],
    () => ['ZADD', `z${random.int(3)}`, 'GT', 'CH', random.int(10), word()],
    () => ['ZADD', `z${random.int(3)}`, '+inf', word()],
    () => ['ZINCRBY', `z${random.int(3)}`, '0.5', word()],
    () => ['ZREM', `z${random.int(3)}`, word(), word()],
    () => ['ZREMRANGEBYSCORE', `z${random.int(3)}`, '-inf', random.int(10)],
    () => ['ZREMRANGEBYSCORE', `z${random.int(3)}`, `(${random.int(5)}`, '+inf'],
    () => ['ZPOPMIN', `z${random.int(3)}`],
    () => ['SET', key(), word()],
    () => ['SET', key(), word(), 'PX', 1_000_000],
    () => ['APPEND', `s${random.int(3)}`, word()],
    () => ['INCR', `s${random.int(3)}`],
    () => ['RPUSH', `l${random.int(3)}`, word(), word()],
    () => ['LPOP', `l${random.int(3)}`],
    () => ['SADD', key(), word(), word()],
    () => ['SPOP', key()],
    () => ['RENAME', key(), key()],
    () => ['COPY', key(), key(), 'REPLACE'],
    () => ['ZUNIONSTORE', `z${random.int(3)}`, 2, `z${random.int(3)}`, `z${random.int(3)}`],
    () => ['DEL', key(), key()],
    () => ['UNLINK', key()],
    () => ['PEXPIRE', key(), 1_000_000 + random.int(1_000)],
    () => ['EXPIREAT', key(), 4_000_000_000],
    () => ['PEXPIRE', key(), -1],
    () => ['PERSIST', key()],
    () => ['GETDEL', key()],
    () => ['EVAL', SCRIPT, 2, `h${random.int(3)}`, `z${random.int(3)}`, word(), random.int(5)],
    // Fails after its first change, which stays, as in Redis.
    () => ['EVAL', "redis.call('SET', KEYS[1], '1') return redis.call('HLEN', KEYS[1])", 1, key()],
    () => ['XADD', key(), '*', 'f', 'v'],
  ]
  if (random.chance(0.01)) return client.flushall()
  if (random.chance(0.05)) {
    const several = client.multi()
    for (let i = 0; i < 3; i++) several.call(...random.pick(commands)())
    return several.exec().catch(() => {})
  }
  return client.call(...random.pick(commands)()).catch(() => {})
}

describe('a killed process', () => {
  it.each(['1', '2', '3'])(
    'loses nothing that it answered, whatever command it was (seed %s)',
    async (seed) => {
      const random = new Random(seed)
      // So small that the file is written anew all the time.
      const client = await open({ appendedBytes: 3_000 })
      const other = client.duplicate()
      for (let i = 0; i < 60; i++) {
        const changes = Array.from({ length: random.int(20) }, () =>
          change(random.pick([client, other]), random),
        )
        await Promise.all(changes)
        const killed = await afterKill()
        expect(killed).toEqual(await dump(client))
      }
      other.disconnect()
      expect(lines).toEqual([])
    },
  )

  it('loses none of a script’s changes, or all of them', async () => {
    const client = await open()
    await client.set('before', '1')
    const { length } = await readFile(file)
    await client.eval("for i = 1, 20 do redis.call('HSET', KEYS[1], i, i) end", 1, 'h')
    const bytes = await readFile(file)
    for (let cut = length; cut <= bytes.length; cut++) {
      if (cut % 13 > 0 && cut < bytes.length - 3) continue
      const held = await heldBy(bytes.subarray(0, cut))
      expect(Object.keys(held).length).toBe(cut === bytes.length ? 2 : 1)
    }
  })

  it('lets no key come back in part whose time was over, or that was kept after all', async () => {
    const client = await open()
    await client.hset('kept', 'early', '1')
    await client.pexpire('kept', 2_000)
    const keptUntil = Date.now() + 2_000
    await client.hset('kept', 'late', '1')
    await client.persist('kept')
    await client.hset('gone', 'early', '1')
    await client.pexpire('gone', 40)
    await client.hset('gone', 'late', '1')
    await client.hset('again', 'early', '1')
    await client.pexpire('again', 40)
    await expect.poll(() => client.exists('gone', 'again')).toBe(0)
    await client.hset('again', 'late', '1')
    await sleep(keptUntil - Date.now())
    const held = await afterKill()
    expect(held).toEqual(await dump(client))
    expect(await client.hgetall('kept')).toEqual({ early: '1', late: '1' })
    expect(await client.hgetall('again')).toEqual({ late: '1' })
    expect(Object.keys(held)).toHaveLength(2)
  })

  it('comes back from a file that is written anew at any step, with all that was answered by then', async () => {
    const seen: { path: string; remove(): Promise<void>; answered: number }[] = []
    let answered = 0
    let watching = false
    const disk = handledDisk(async ({ name }, go) => {
      if (watching) seen.push({ ...(await afterCrash(folder.path)), answered })
      const done = await go()
      if (watching && name !== 'create') seen.push({ ...(await afterCrash(folder.path)), answered })
      return done
    })
    const client = await open({ disk, appendedBytes: 20_000 })
    for (let i = 0; i < 200; i++) await client.hset('many', `field ${i}`, 'x'.repeat(60))
    watching = true
    for (let i = 0; i < 40; i++) {
      await client.hset('count', 'n', i + 1, `at ${i}`, 'y'.repeat(400))
      answered = i + 1
    }
    watching = false
    expect(seen.length).toBeGreaterThan(80)
    for (const { path, remove, answered: least } of seen) {
      const redis = await openEmbeddedRedis({ file: join(path, 'redis.aof') })
      const n = Number((await redis.client.hget('count', 'n')) ?? 0)
      expect(n).toBeGreaterThanOrEqual(least)
      expect(n).toBeLessThanOrEqual(least + 1)
      expect(await redis.client.hlen('count')).toBe(n === 0 ? 0 : n + 1)
      expect(await redis.client.hlen('many')).toBe(200)
      await redis.close()
      await remove()
    }
  })
})

describe('the end of the file', () => {
  it('may be torn at every byte of what was written last: what was whole before it is there, and a line tells of the cut', async () => {
    const client = await open()
    const states: [size: number, content: unknown][] = []
    for (const field of ['a', 'b', 'c']) {
      await client.hset('h', field, 'value')
      states.push([(await readFile(file)).length, await dump(client)])
    }
    const bytes = await readFile(file)
    for (let cut = states[0]![0]; cut <= bytes.length; cut++) {
      const [whole, content] = states.findLast(([size]) => size <= cut)!
      const told: string[] = []
      expect(await heldBy(bytes.subarray(0, cut), (line) => told.push(line))).toEqual(content)
      expect(told.join()).toMatch(
        cut === whole ? /^$/ : new RegExp(`the last ${cut - whole} bytes .* cut off`),
      )
    }
  })

  it('may be made of zeros, or of the pages of the last write in any order', async () => {
    const client = await open()
    await client.hset('h', 'a', 'value')
    const before = await dump(client)
    const { length } = await readFile(file)
    await client.hset('h', 'b', 'v'.repeat(5_000), 'c', 'TGAF'.repeat(100))
    const bytes = await readFile(file)
    const pages = [
      [length, length + 24],
      [length + 10, length + 2_000],
      [bytes.length - 700, bytes.length],
    ]
    for (const [from, to] of pages) {
      const torn = Buffer.from(bytes).fill(0, from, to)
      expect(await heldBy(torn)).toEqual(before)
    }
    expect(await heldBy(Buffer.concat([bytes.subarray(0, length), Buffer.alloc(9_000)]))).toEqual(before)
  })

  it('is cut off once, and goes on from there', async () => {
    const client = await open()
    await client.set('a', '1')
    const bytes = await readFile(file)
    await opened.pop()!.close()
    await writeFile(file, Buffer.concat([bytes, Buffer.from('TGAF torn')]))
    const second = await open()
    expect(lines).toHaveLength(1)
    await second.set('b', '2')
    expect(Object.keys(await afterKill())).toHaveLength(2)
  })
})

describe('damage before the end', () => {
  it.each([0xff, 0x01])(
    'is told by the file’s name, wherever it is, and nothing is thrown away (%i)',
    async (flip) => {
      const client = await open()
      await client.hset('h', 'a', 'value')
      const { length } = await readFile(file)
      await client.hset('h', 'b', 'value')
      const bytes = await readFile(file)
      const redis = opened.pop()!
      await redis.close()
      for (let at = 0; at < length; at++) {
        const damaged = Buffer.from(bytes)
        damaged[at]! ^= flip
        await writeFile(file, damaged)
        await expect(openEmbeddedRedis({ file })).rejects.toThrow(`${file} is damaged: `)
        expect(await readFile(file)).toEqual(damaged)
      }
    },
  )

  it('is told when a write in the middle is missing, or there twice', async () => {
    const client = await open()
    const sizes: number[] = []
    for (const field of ['a', 'b', 'c']) {
      await client.hset('h', field, 'value')
      sizes.push((await readFile(file)).length)
    }
    const bytes = await readFile(file)
    const [a, b] = sizes as [number, number]
    const without = Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)])
    const twice = Buffer.concat([bytes.subarray(0, b), bytes.subarray(a)])
    for (const damaged of [without, twice]) await expect(heldBy(damaged)).rejects.toThrow('is damaged')
  })
})

/** A disk whose sync waits until it is let go. */
function heldSync(): { disk: Disk; hold(): void; letGo(): void; syncs(): number } {
  let release = () => {}
  let held: Promise<void> | null = null
  let syncs = 0
  const disk = handledDisk(async ({ name }, go) => {
    if (name === 'sync') {
      syncs++
      await held
    }
    return await go()
  })
  return {
    disk,
    hold: () => {
      held = new Promise((resolve) => {
        release = resolve
      })
    },
    letGo: () => {
      held = null
      release()
    },
    syncs: () => syncs,
  }
}

describe('an answer', () => {
  const settled = (promise: Promise<unknown>) =>
    Promise.race([promise.then(() => true), new Promise((resolve) => setTimeout(resolve, 60, false))])

  it('waits for the disk; and one that only reads waits for what it may have read', async () => {
    const { disk, hold, letGo } = heldSync()
    const client = await open({ disk })
    const reader = client.duplicate()
    expect(await reader.get('k')).toBeNull()
    hold()
    const written = client.set('k', 'new')
    expect(await settled(written)).toBe(false)
    const read = reader.get('k')
    expect(await settled(read)).toBe(false)
    letGo()
    expect(await Promise.all([written, read])).toEqual(['OK', 'new'])
    reader.disconnect()
  })

  it('to many that came while the disk was busy takes one more sync', async () => {
    const { disk, hold, letGo, syncs } = heldSync()
    const client = await open({ disk })
    hold()
    const first = client.set('k', '0')
    await settled(first)
    const others = Array.from({ length: 200 }, (_, i) => client.set(`k${i}`, '1'))
    await settled(others[0]!)
    const before = syncs()
    letGo()
    await Promise.all([first, ...others])
    expect(syncs() - before).toBe(1)
  })

  it('needs no sync where nothing was changed', async () => {
    const { disk, syncs } = heldSync()
    const client = await open({ disk })
    await client.hset('h', 'f', '1')
    const before = syncs()
    await Promise.all([client.hget('h', 'f'), client.hsetnx('h', 'f', '2'), client.del('none')])
    expect(syncs()).toBe(before)
  })
})

describe('a disk that refuses', () => {
  it.each([
    ['ENOSPC', 'write'],
    ['EIO', 'sync'],
  ] as const)(
    '(%s at %s) lets nothing be acknowledged, says so once, and all goes on when it takes again',
    async (code, step) => {
      const { disk, failing } = failingDisk()
      const client = await open({ disk })
      await client.set('before', '1')
      const before = await afterKill()
      Object.assign(failing, { code, step })
      await expect(client.set('during', '1')).rejects.toThrow(`MISCONF ${file} can't be written: ${code}`)
      // Not even read: what it shows may be gone after a crash.
      await expect(client.get('during')).rejects.toThrow('MISCONF')
      if (step === 'write') expect(await afterKill()).toEqual(before)
      failing.code = null
      await expect.poll(() => client.get('before').catch(() => null), { timeout: 5_000 }).toBe('1')
      await client.set('after', '1')
      expect(await afterKill()).toEqual(await dump(client))
      expect(lines).toEqual([
        expect.stringMatching(`can't be written: ${code}: not today. Nothing is acknowledged`),
        expect.stringMatching('can be written again'),
      ])
    },
  )

  it('makes the counters unavailable, which is a 503', async () => {
    const { disk, failing } = failingDisk()
    const client = await open({ disk })
    const counters = RedisCounterStore.inOne(tcpConnection(client), defaultLimits, 1)
    await counters.publishConfig('tenant', 1)
    failing.code = 'ENOSPC'
    for (const version of [2, 3])
      await expect(counters.publishConfig('tenant', version)).rejects.toMatchObject({
        code: 'store_unavailable',
      })
  })

  it('while the file is written anew leaves the old one in use', async () => {
    const { disk, failing } = failingDisk()
    const client = await open({ disk, appendedBytes: 2_000 })
    Object.assign(failing, { code: 'EIO', step: 'rename' })
    for (let i = 0; i < 60; i++) await client.set(`k${i}`, 'x'.repeat(100))
    expect(lines.join()).toContain(`${file} can't be written anew: EIO`)
    expect(await afterKill()).toEqual(await dump(client))
    failing.code = null
    for (let i = 0; i < 60; i++) await client.set('k', 'x'.repeat(100 + i))
    await expect.poll(async () => (await readFile(file)).length).toBeLessThan(15_000)
    expect(await afterKill()).toEqual(await dump(client))
  })

  it('is told on closing, if it has cost anything', async () => {
    const { disk, failing } = failingDisk()
    const client = await open({ disk })
    const redis = opened.pop()!
    await client.set('before', '1')
    failing.code = 'ENOSPC'
    await client.set('during', '1').catch(() => {})
    await expect(redis.close()).rejects.toThrow('ENOSPC')
    expect(Object.keys(await afterKill())).toHaveLength(1)
  })
})

it('a file that grows is folded, and keeps the size of what it holds', async () => {
  const client = await open({ appendedBytes: 10_000 })
  await client.set('kept', 'x'.repeat(20_000))
  for (let i = 0; i < 1_000; i++) await client.set('k', `${i}`.padStart(100))
  expect((await readFile(file)).length).toBeLessThan(2 * 20_000 + 20_000 + FRAME_HEADER_BYTES)
  expect(await afterKill()).toEqual(await dump(client))
})
