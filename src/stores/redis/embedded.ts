// Redis inside this process, without a port: js-redis-server behind a real ioredis client. In memory only; a clean
// close can leave a snapshot, so that a restart keeps event ids and counters. A crash keeps nothing.

import { AbstractConnector, Redis } from 'ioredis'
import { createRedisCommandExecutor, createVirtualConnection, RedisServerState } from 'js-redis-server/core'
import { loadSnapshot, saveSnapshot } from './embedded-snapshot.ts'

/** The commands and their replies are those of this version, which Upstash and most servers have. */
const COMPATIBILITY = 'redis-7.0'

export type EmbeddedRedis = {
  client: Redis
  /** Writes the snapshot, if there is a file for it, and lets go of everything. */
  close(): Promise<void>
}

/**
 * `snapshotFile` is read and removed at once when it is there, and written again by `close`. After a crash there is
 * none: a state that Postgres has overtaken must never come back.
 */
export async function openEmbeddedRedis(options: { snapshotFile?: string } = {}): Promise<EmbeddedRedis> {
  const state = new RedisServerState({ compatibility: COMPATIBILITY })
  withoutCopies(state)
  const client = connect(state)
  const { snapshotFile } = options
  try {
    if (snapshotFile !== undefined) await loadSnapshot(client, snapshotFile)
  } catch (error) {
    client.disconnect()
    state.close()
    throw error
  }
  let closed: Promise<void> | undefined
  const close = async () => {
    try {
      if (snapshotFile !== undefined) await saveSnapshot(client, snapshotFile)
    } finally {
      await client.quit()
      state.close()
    }
  }
  return {
    client,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

function connect(state: RedisServerState): Redis {
  const executor = createRedisCommandExecutor({ compatibility: COMPATIBILITY })
  class InProcess extends AbstractConnector {
    constructor() {
      super(0)
    }

    override async connect() {
      this.connecting = true
      const { clientSocket } = createVirtualConnection({ state, executor })
      this.stream = clientSocket as unknown as NonNullable<AbstractConnector['stream']>
      return this.stream
    }
  }
  return new Redis({ Connector: InProcess, retryStrategy: () => null, maxRetriesPerRequest: 1 })
}

type Internals = {
  getTyped?: (key: Buffer, type: string) => unknown
  keyspace?: { getLiveEntry?: (key: Buffer) => { value: { type: string } } | null }
  mutations: { emit: (event: unknown) => void; keyListeners?: { size: number } }
}

/**
 * js-redis-server copies a whole key whenever it reads one, and again when it writes one, for those who might listen.
 * That makes a hash of 50,000 event ids cost 25 ms a command. Hashes and sorted sets are only read through this getter
 * (changes go through another), so they can be read in place; and events need no copy where nobody listens.
 */
function withoutCopies(state: RedisServerState): void {
  for (const database of state.databases) {
    const internals = database as unknown as Internals
    const { getTyped, keyspace, mutations } = internals
    if (typeof getTyped === 'function' && typeof keyspace?.getLiveEntry === 'function') {
      internals.getTyped = function (key, type) {
        if (type !== 'hash' && type !== 'zset') return getTyped.call(this, key, type)
        const entry = keyspace.getLiveEntry!(key)
        return entry === null || entry.value.type === type
          ? (entry?.value ?? null)
          : getTyped.call(this, key, type)
      }
    }
    if (typeof mutations.keyListeners?.size === 'number') {
      const emit = mutations.emit
      mutations.emit = function (event) {
        if (mutations.keyListeners!.size > 0 || state.notifyKeyspaceEvents !== '') emit.call(this, event)
      }
    }
  }
}
