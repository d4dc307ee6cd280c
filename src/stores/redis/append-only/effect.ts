// What a command did to a key, as bytes, and done again. Not the command: a script asks for the time and gets a nonce, and
// would decide otherwise. Times are instants. Each effect says what is, not what is added, so that a run of them ends the same
// wherever in the run the state that they are applied to was taken.

import type { RedisDatabase, RedisDataValue } from 'js-redis-server/core'

const OPS = ['put', 'hset', 'hdel', 'zadd', 'zrem', 'ztrim', 'delete', 'expire', 'persist', 'flush'] as const
type Op = (typeof OPS)[number]

/**
 * put      key, type, elements…        the whole key, without its time
 * hset     key, field, value, …        hdel     key, field, …
 * zadd     key, member, score, …       zrem     key, member, …       ztrim   key, score: members up to it go
 * delete   key                         flush    (nothing)
 * expire   key, instant in ms          persist  key
 */
export function effect(op: Op, args: readonly (Buffer | string)[]): Buffer {
  const parts = args.map((arg) => (typeof arg === 'string' ? Buffer.from(arg) : arg))
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + 4 + length, 5))
  bytes[0] = OPS.indexOf(op)
  bytes.writeUInt32LE(parts.length, 1)
  let at = 5
  for (const part of parts) {
    bytes.writeUInt32LE(part.length, at)
    at += 4 + part.copy(bytes, at + 4)
  }
  return bytes
}

/** Applies effects. A key's time is set at the end only: on the way none may expire that was there then. */
export class Replay {
  readonly #database: RedisDatabase
  readonly #expiries = new Map<string, number>()

  constructor(database: RedisDatabase) {
    this.#database = database
  }

  /** Throws if `content` is not made of effects. */
  apply(content: Buffer): void {
    for (let at = 0; at < content.length; ) {
      const op = OPS[content[at]!]
      if (op === undefined) throw new Error(`there is no effect ${content[at]}`)
      const args: Buffer[] = new Array(content.readUInt32LE(at + 1))
      at += 5
      for (let i = 0; i < args.length; i++) {
        const end = at + 4 + content.readUInt32LE(at)
        // A copy: a part of the content would keep all of it in memory.
        args[i] = Buffer.from(content.subarray(at + 4, end))
        at = end
      }
      this.#applyOne(op, args)
    }
  }

  end(): void {
    for (const [id, instant] of this.#expiries) this.#database.expire(Buffer.from(id, 'hex'), instant)
    this.#expiries.clear()
  }

  #applyOne(op: Op, [key = Buffer.alloc(0), ...args]: Buffer[]): void {
    const database = this.#database
    const id = key.toString('hex')
    switch (op) {
      case 'flush':
        this.#expiries.clear()
        database.flush()
        return
      case 'delete':
        this.#expiries.delete(id)
        database.delete(key)
        return
      case 'expire':
        this.#expiries.set(id, Number(args[0]))
        return
      case 'persist':
        this.#expiries.delete(id)
        return
      case 'put':
        this.#expiries.delete(id)
        database.set(key, dataOf(String(args[0]), args.slice(1)))
        return
      case 'hset':
      case 'hdel':
        this.#makeRoom(key, 'hash')
        database.updateHash(key, (hash) => {
          if (op === 'hdel') for (const field of args) hash.deleteField(field)
          else for (let i = 0; i < args.length; i += 2) hash.setField(args[i]!, args[i + 1]!)
        })
        return
      default:
        this.#makeRoom(key, 'zset')
        database.updateSortedSet(key, (zset) => {
          if (op === 'zadd')
            for (let i = 0; i < args.length; i += 2) zset.setScore(args[i]!, Number(args[i + 1]))
          else if (op === 'zrem') for (const member of args) zset.deleteMember(member)
          else
            for (const [, { member, score }] of [...zset.entries()])
              if (score <= Number(args[0])) zset.deleteMember(member)
        })
    }
  }

  /** While a base was written its keys went on changing: one may be of its later type. What made it so comes again. */
  #makeRoom(key: Buffer, type: string): void {
    const found = this.#database.getType(key)
    if (found !== null && found !== type) this.#database.delete(key)
  }
}

/** Elements of one effect at most where a large key is written in several: what else runs waits no longer than for these. */
const ELEMENTS = 1_000

/** A whole key, without its time. It may change between one effect and the next: see Replay. */
export function* wholeKey(key: Buffer, value: RedisDataValue): Generator<Buffer> {
  if (value.type === 'hash' || value.type === 'zset') {
    yield effect('delete', [key])
    const pairs = value.type === 'hash' ? fieldsOf(value) : membersOf(value)
    const op = value.type === 'hash' ? 'hset' : 'zadd'
    let args: (Buffer | string)[] = [key]
    for (const pair of pairs) {
      args.push(...pair)
      if (args.length <= 2 * ELEMENTS) continue
      yield effect(op, args)
      args = [key]
    }
    if (args.length > 1) yield effect(op, args)
  } else yield effect('put', [key, value.type, ...elementsOf(value)])
}

function* fieldsOf(value: RedisDataValue & { type: 'hash' }): Generator<[Buffer, Buffer]> {
  for (const { field, value: content } of value.fields.values()) yield [field, content]
}

function* membersOf(value: RedisDataValue & { type: 'zset' }): Generator<[Buffer, string]> {
  for (const { member, score } of value.members.values()) yield [member, String(score)]
}

function elementsOf(value: RedisDataValue): Buffer[] {
  switch (value.type) {
    case 'string':
      return [value.value]
    case 'list':
      return value.values
    case 'set':
      return [...value.members.values()]
    default:
      throw new Error(`A Redis ${value.type} can't be kept.`)
  }
}

function dataOf(type: string, elements: Buffer[]): RedisDataValue {
  switch (type) {
    case 'string':
      return { type, value: elements[0]! }
    case 'list':
      return { type, values: elements }
    case 'set':
      return { type, members: new Map(elements.map((member) => [member.toString('hex'), member])) }
    default:
      throw new Error(`there is no type ${type}`)
  }
}
