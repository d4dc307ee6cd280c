// What a field of event ids takes of Redis beyond what MEMORY USAGE tells, which leaves out what the allocator rounds up: with a hundred
// thousand ids that looks like a leak.

import type { Redis } from 'ioredis'

const KEY = 'soak:calibration'
const FIELDS = 50_000
const AT_ONCE = 1_000

/** Bytes a field, from a hash of fields and values as long as real ones. Nothing else may be going on. */
export async function bytesUntold(admin: Redis): Promise<number> {
  const [real] = await admin.keys('tg:*:dd:*')
  const [[field, value] = []] = Object.entries(real === undefined ? {} : await admin.hgetall(real))
  if (field === undefined || value === undefined) throw new Error('Redis knows no id yet')
  const before = await usedMemory(admin)
  for (let from = 0; from < FIELDS; from += AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, i) => String(from + i))
    await admin.hset(
      KEY,
      ...numbers.flatMap((n) => [n.padStart(field.length, '-'), n.padStart(value.length, '-')]),
    )
  }
  const taken = (await usedMemory(admin)) - before
  const told = Number(await admin.call('MEMORY', 'USAGE', KEY, 'SAMPLES', '0'))
  await admin.unlink(KEY)
  return Math.max(0, (taken - told) / FIELDS)
}

export async function usedMemory(admin: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))![1])
}
