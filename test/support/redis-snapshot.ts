// Writes everything a Redis holds to a file, in the form that src/stores/redis/embedded-snapshot.ts reads: to put a Redis back
// to an earlier point, and what a version before the append-only file left at a clean stop.

import { writeFile } from 'node:fs/promises'
import { Command, type Redis } from 'ioredis'

const HEADER = { tollgate_redis_snapshot: 1 }
const ELEMENTS_PER_LINE = 2_000

/** How to read a whole key of a type. */
const types: Record<string, (key: Buffer) => (string | Buffer)[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
}

export async function saveSnapshot(client: Redis, file: string): Promise<void> {
  const lines: unknown[][] = []
  for (const key of (await call(client, 'KEYS', '*')) as Buffer[]) {
    const expiresAtMs = Number(await call(client, 'PEXPIRETIME', key))
    const type = String(await call(client, 'TYPE', key))
    const [command, ...args] = types[type]!(key)
    const reply = (await call(client, command as string, ...args)) as Buffer | Buffer[]
    const elements = Array.isArray(reply) ? reply : [reply]
    for (let i = 0; i < elements.length; i += ELEMENTS_PER_LINE)
      lines.push([type, base64(key), elements.slice(i, i + ELEMENTS_PER_LINE).map(base64)])
    if (expiresAtMs > 0) lines.push(['expiry', base64(key), expiresAtMs])
  }
  const content = [HEADER, ...lines, { lines: lines.length }]
  await writeFile(file, content.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

const base64 = (bytes: Buffer): string => bytes.toString('base64')

const call = (client: Redis, name: string, ...args: (string | Buffer)[]): Promise<unknown> =>
  client.sendCommand(new Command(name, args, { replyEncoding: null })) as Promise<unknown>
