// Watches js-redis-server and tells what each command changed, as effects: those of one command, a script as a whole too,
// together. It sees every change of a key, by whatever command: where a command says shortly what it did, that is told; of
// any other the whole key.

import type {
  CommandExecutor,
  CommandPlan,
  createRedisCommandExecutor,
  RedisDatabase,
  RedisDataValue,
  RedisMutationEvent,
} from 'js-redis-server/core'
import { RedisResult } from 'js-redis-server/core'
import { effect, wholeKey } from './effect.ts'

type Policy = NonNullable<NonNullable<Parameters<typeof createRedisCommandExecutor>[0]>['policies']>[number]
type Write = RedisMutationEvent & { type: 'write' }
type Entry = { key: Buffer; value: RedisDataValue; expiresAt?: number }
/** What its types don't show. */
type Internals = { keyspace?: { entries?: unknown } }

const DELETIONS = new Set(['delete', 'evict'])

export class Recorder {
  readonly #database: RedisDatabase
  readonly #entries: Map<string, Entry>
  readonly #tell: (effects: Buffer[]) => void
  /** of the commands that run: what is not a Buffer yet waits for the command's end */
  #changes: (Buffer | Write)[] = []
  #running = 0

  /** From now on every change is told. Throws if this js-redis-server can't be watched. */
  constructor(database: RedisDatabase, tell: (effects: Buffer[]) => void) {
    const { mutations } = database
    const { entries } = (database as unknown as Internals).keyspace ?? {}
    if (typeof mutations.emit !== 'function' || !(entries instanceof Map))
      throw new Error('This version of js-redis-server can’t be watched: its data would not be kept.')
    this.#database = database
    this.#entries = entries
    this.#tell = tell
    const emit = mutations.emit
    mutations.emit = (event) => {
      this.#changed(event)
      emit.call(mutations, event)
    }
  }

  /** For the executor: sees each command, those in scripts and transactions too. */
  readonly policy: Policy = {
    name: 'append-only',
    beforeExecute: ({ definition, flags }) => {
      this.#settle(null)
      return definition.name.startsWith('x') && flags.includes('write')
        ? RedisResult.error('The embedded Redis keeps no streams.', 'ERR')
        : undefined
    },
    afterExecute: (plan, _context, result) => {
      this.#settle(plan)
      return result
    },
  }

  /** `refusal`: an error that every command gets at present, instead of being run; or null. */
  watch(executor: CommandExecutor, refusal: () => string | null): void {
    const run = executor.executeRaw.bind(executor)
    executor.executeRaw = async (command, args, context) => {
      const refused = refusal()
      if (refused !== null) return RedisResult.error(refused, 'MISCONF')
      this.#running++
      try {
        return await run(command, args, context)
      } finally {
        this.#running--
        this.#commit()
      }
    }
  }

  /** Calls `take` while no command runs and all that any has changed is told. */
  async between<T>(take: () => T): Promise<T> {
    const turn = await this.#database.turnQueue.waitTurn()
    try {
      this.#commit()
      return take()
    } finally {
      turn.release()
    }
  }

  /** All there is, as effects, while it changes. Those that are told from before the first on, applied after these, end it. */
  *everything(): Generator<Buffer> {
    for (const { key, value, expiresAt } of this.#entries.values()) yield* whole(key, value, expiresAt)
  }

  #changed(event: RedisMutationEvent): void {
    if (event.type === 'write') this.#changes.push(event)
    else if (DELETIONS.has(event.type) && 'key' in event) this.#changes.push(effect('delete', [event.key]))
    else if (event.type === 'expire')
      this.#changes.push(effect('expire', [event.key, String(event.expiresAt)]))
    else if (event.type === 'persist') this.#changes.push(effect('persist', [event.key]))
    else this.#changes.push(effect('flush', []))
    // A key whose time is over goes by itself, too.
    if (this.#running === 0) this.#commit()
  }

  /** `plan`: the command that has just ended; null: one was cut off by an error. */
  #settle(plan: CommandPlan | null): void {
    const writes = this.#changes.filter((change) => !Buffer.isBuffer(change)).length
    if (writes === 0) return
    this.#changes = this.#changes.flatMap((change) => {
      if (Buffer.isBuffer(change)) return [change]
      const short = plan !== null && writes === 1 ? shortly(plan, change) : null
      return short === null ? [...whole(change.key, change.value, change.expiresAt)] : [short]
    })
  }

  #commit(): void {
    this.#settle(null)
    if (this.#changes.length === 0) return
    const effects = this.#changes as Buffer[]
    this.#changes = []
    this.#tell(effects)
  }
}

function* whole(key: Buffer, value: RedisDataValue, expiresAt: number | undefined): Generator<Buffer> {
  yield* wholeKey(key, value)
  if (expiresAt !== undefined) yield effect('expire', [key, String(expiresAt)])
}

const FIELD_COMMANDS = new Set(['hset', 'hmset', 'hsetnx', 'hincrby', 'hincrbyfloat'])
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** What a command did to a large key, without the rest of the key; null if it doesn't say. */
function shortly({ definition: { name }, rawArgs: args }: CommandPlan, { key, value }: Write): Buffer | null {
  if (!args[0]?.equals(key)) return null
  if (value.type === 'hash') {
    if (name === 'hdel') return effect('hdel', args)
    if (!FIELD_COMMANDS.has(name)) return null
    const pairs = [key]
    for (let i = 1; i + 1 < args.length; i += 2) {
      const field = value.fields.get(args[i]!.toString('hex'))
      if (field === undefined || field.expiresAt !== undefined) return null
      pairs.push(field.field, field.value)
    }
    return effect('hset', pairs)
  }
  if (value.type !== 'zset') return null
  if (name === 'zrem') return effect('zrem', args)
  if (name === 'zremrangebyscore')
    return String(args[1]) === '-inf' && NUMBER.test(String(args[2]))
      ? effect('ztrim', [key, args[2]!])
      : null
  // With options it may have left some members as they were.
  if (name !== 'zadd' || args.length % 2 === 0 || !NUMBER.test(String(args[1]))) return null
  const pairs: (Buffer | string)[] = [key]
  for (let i = 1; i < args.length; i += 2) {
    const member = value.members.get(args[i + 1]!.toString('hex'))
    if (member === undefined) return null
    pairs.push(member.member, String(member.score))
  }
  return effect('zadd', pairs)
}
