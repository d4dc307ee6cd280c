// Writes everything a Redis holds to a file, and reads it back: one JSON line a chunk of a key, elements in base64.

import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command, type Redis } from 'ioredis'

const HEADER = { tollgate_redis_snapshot: 1 }
const ELEMENTS_PER_LINE = 2_000

/** How to read a whole key of a type, how to write elements of it, and how many elements belong together. */
const types: Record<string, { read: (key: Buffer) => (string | Buffer)[]; write: string; step: number }> = {
  string: { read: (key) => ['GET', key], write: 'SET', step: 1 },
  hash: { read: (key) => ['HGETALL', key], write: 'HSET', step: 2 },
  list: { read: (key) => ['LRANGE', key, '0', '-1'], write: 'RPUSH', step: 1 },
  set: { read: (key) => ['SMEMBERS', key], write: 'SADD', step: 1 },
  zset: { read: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'], write: 'ZADD', step: 2 },
}

type Line = [type: string, key: string, elements: string[]] | ['expiry', key: string, atMs: number]

/** Written next to its place and renamed into it, so that a half-written snapshot is never one. */
export async function saveSnapshot(client: Redis, file: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await pipeline(Readable.from(linesOf(client)), createWriteStream(temporary, { mode: 0o600, flush: true }))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await rename(temporary, file)
  await syncFolder(file)
}

async function* linesOf(client: Redis): AsyncGenerator<string> {
  yield `${JSON.stringify(HEADER)}\n`
  let lines = 0
  const line = (content: Line) => {
    lines++
    return `${JSON.stringify(content)}\n`
  }
  for (const key of (await call(client, 'KEYS', '*')) as Buffer[]) {
    // The expiry first, and an empty reply skipped: a key may expire between any two of these.
    const expiresAtMs = Number(await call(client, 'PEXPIRETIME', key))
    const type = String(await call(client, 'TYPE', key))
    if (type === 'none') continue
    const how = types[type]
    if (how === undefined) throw new Error(`The snapshot can't hold a Redis ${type}.`)
    const [command, ...args] = how.read(key)
    const reply = (await call(client, command as string, ...args)) as Buffer | Buffer[] | null
    const elements = Array.isArray(reply) ? reply : reply === null ? [] : [reply]
    for (let i = 0; i < elements.length; i += ELEMENTS_PER_LINE) {
      yield line([type, base64(key), elements.slice(i, i + ELEMENTS_PER_LINE).map(base64)])
    }
    if (expiresAtMs > 0 && elements.length > 0) yield line(['expiry', base64(key), expiresAtMs])
  }
  yield `${JSON.stringify({ lines })}\n`
}

/** Reads a snapshot, if there is one, and removes it before anything else can happen. */
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
  await unlink(file)
  await syncFolder(file)
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

const base64 = (bytes: Buffer): string => bytes.toString('base64')

const call = async (client: Redis, name: string, ...args: (string | Buffer)[]): Promise<unknown> =>
  client.sendCommand(new Command(name, args, { replyEncoding: null }))

/** A rename or removal is certain to survive a power cut only when its folder is synced. Not every system can. */
async function syncFolder(file: string): Promise<void> {
  const folder = await open(dirname(file)).catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}
