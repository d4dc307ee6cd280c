// Disks for the append-only file of the embedded Redis: real files, with a hand on each call that changes them.

import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { type Disk, realDisk } from '../../src/stores/redis/append-only/disk.ts'
import { openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'

export type Step = { name: keyof Disk; number: number }

/** `around` is called in place of each step, and decides when and whether it is done. */
export function handledDisk(around: (step: Step, go: () => Promise<unknown>) => Promise<unknown>): Disk {
  let number = 0
  const handled = (name: keyof Disk) => {
    const real = realDisk[name] as (...args: unknown[]) => Promise<unknown>
    return (...args: unknown[]) => around({ name, number: ++number }, () => real(...args))
  }
  const names = Object.keys(realDisk) as (keyof Disk)[]
  return Object.fromEntries(names.map((name) => [name, handled(name)])) as Disk
}

/** A disk that fails with this code as long as it is set. */
export function failingDisk(): { disk: Disk; failing: { code: string | null; step: keyof Disk } } {
  const failing = { code: null as string | null, step: 'write' as keyof Disk }
  const disk = handledDisk(async ({ name }, go) => {
    if (failing.code === null || name !== failing.step) return await go()
    throw Object.assign(new Error(`${failing.code}: not today`), { code: failing.code })
  })
  return { disk, failing }
}

/** A folder like `of`, without the lock of whoever has that open: what a crash leaves. */
export async function afterCrash(of: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'tollgate-crash-'))
  for (const name of await readdir(of))
    if (!name.endsWith('.lock')) await cp(join(of, name), join(path, name))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Everything in it, by key: type, elements and the instant at which it goes. */
export async function dump(client: Redis): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {}
  for (const key of (await client.keysBuffer('*')).sort(Buffer.compare)) {
    const type = await client.type(key)
    const elements: Record<string, () => Promise<unknown>> = {
      string: () => client.getBuffer(key),
      list: () => client.lrangeBuffer(key, 0, -1),
      set: async () => (await client.smembersBuffer(key)).sort(Buffer.compare),
      zset: () => client.zrangeBuffer(key, 0, -1, 'WITHSCORES'),
      hash: async () =>
        Object.entries(await client.hgetallBuffer(key))
          .map(([field, value]) => [field, value.toString('hex')])
          .sort(),
    }
    const told = (await elements[type]!()) as Buffer | Buffer[] | string[][]
    const text = Buffer.isBuffer(told)
      ? told.toString('hex')
      : told.map((one) => (Buffer.isBuffer(one) ? one.toString('hex') : one))
    content[key.toString('hex')] = [type, await client.pexpiretime(key), text]
  }
  return content
}

/** What a Redis holds that starts from a file of these bytes. */
export async function heldBy(bytes: Buffer, log: (line: string) => void = () => {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-bytes-'))
  const file = join(folder, 'redis.aof')
  try {
    await writeFile(file, bytes)
    const redis = await openEmbeddedRedis({ file, log })
    try {
      return await dump(redis.client)
    } finally {
      await redis.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
