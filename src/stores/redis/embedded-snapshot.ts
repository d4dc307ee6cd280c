// Reads what a version before the append-only file wrote when it was stopped, so that nothing is lost when it is replaced: one JSON
// line a chunk of a key, elements in base64.

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Command, type Redis } from 'ioredis'

const HEADER = { tollgate_redis_snapshot: 1 }

/** How to write elements of a type, and how many belong together. */
const types: Record<string, { write: string; step: number }> = {
  string: { write: 'SET', step: 1 },
  hash: { write: 'HSET', step: 2 },
  list: { write: 'RPUSH', step: 1 },
  set: { write: 'SADD', step: 1 },
  zset: { write: 'ZADD', step: 2 },
}

type Line = [type: string, key: string, elements: string[]] | ['expiry', key: string, atMs: number]

/** Reads a snapshot, if there is one. */
export async function loadSnapshot(client: Redis, file: string): Promise<void> {
  const input = await readable(file)
  if (input === null) return
  let lines = -1
  let complete = false
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const content = parsed(text, file)
    if (Array.isArray(content)) await apply(client, content as Line)
    else if (lines === -1) known(content, file)
    else complete = (content as { lines?: number }).lines === lines
    lines++
  }
  if (!complete) throw damaged(file)
}

async function readable(file: string) {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return handle && createReadStream('', { fd: handle })
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw damaged(file)
  }
}

function known(header: unknown, file: string): void {
  if (JSON.stringify(header) !== JSON.stringify(HEADER)) throw damaged(file)
}

const damaged = (file: string) =>
  new Error(
    `The snapshot ${file} is damaged. Move it away to start without the counters and event ids in it.`,
  )

async function apply(client: Redis, [type, key64, content]: Line): Promise<void> {
  const key = Buffer.from(key64, 'base64')
  if (type === 'expiry') {
    await call(client, 'PEXPIREAT', key, String(content))
    return
  }
  const elements = (content as string[]).map((element) => Buffer.from(element, 'base64'))
  const { write, step } = types[type]!
  // A sorted set is read as member, score and written as score, member.
  if (write === 'ZADD')
    for (let i = 0; i < elements.length; i += step) elements.splice(i, 2, elements[i + 1]!, elements[i]!)
  await call(client, write, key, ...elements)
}

const call = async (client: Redis, name: string, ...args: (string | Buffer)[]): Promise<unknown> =>
  client.sendCommand(new Command(name, args, { replyEncoding: null }))
