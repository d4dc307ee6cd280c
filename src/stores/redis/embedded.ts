// Redis inside this process, without a port: js-redis-server behind a real ioredis client. In memory; with a file it keeps
// what it holds in an append-only file, so that a restart, also after a kill, goes on from where it was.
//
// What comes back is what was there at some instant after the last reply that anybody got: a reply of any command, reads too, waits
// until all changes before it are on the disk, and the changes are a sequence of which a beginning comes back. So nobody can have
// acted on what is gone, the aggregator neither: a segment that it saw sealed is sealed, and one that Postgres has is never open
// again. That is why there is no fence of a segment's age here (segmentMaxAge and settleAfter are 0). `test/stores/durability.test.ts` shows it.

import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AbstractConnector, Redis } from 'ioredis'
import { createRedisCommandExecutor, createVirtualConnection, RedisServerState } from 'js-redis-server/core'
import { lockFolder } from '../folder-lock.ts'
import { type Disk, realDisk } from './append-only/disk.ts'
import { type AppendOnlyLog, openLog } from './append-only/open-log.ts'
import { loadSnapshot } from './embedded-snapshot.ts'

/** The commands and their replies are those of this version, which Upstash and most servers have. */
const COMPATIBILITY = 'redis-7.0'

export type EmbeddedRedis = {
  client: Redis
  /** Writes the file in its shortest form, if there is one, and lets go of everything. */
  close(): Promise<void>
}

export type EmbeddedOptions = {
  /** Keeps everything, from command to command; its folder is made if it is missing. One process at a time can open it. Absent: in memory only. */
  file?: string
  /** What a version before the append-only file left at a clean stop; taken over if there is no file yet. */
  oldSnapshot?: string
  log?: (line: string) => void
  /** for tests */
  appendedBytes?: number
  disk?: Disk
}

export async function openEmbeddedRedis(options: EmbeddedOptions = {}): Promise<EmbeddedRedis> {
  const state = new RedisServerState({ compatibility: COMPATIBILITY })
  withoutCopies(state)
  if (options.file !== undefined) await mkdir(dirname(options.file), { recursive: true })
  const unlock = options.file === undefined ? () => {} : lockFolder(options.file)
  let kept: AppendOnlyLog | null
  try {
    kept = await openKept(state, options)
  } catch (error) {
    state.close()
    unlock()
    throw error
  }
  const client = connect(state, kept)
  let closed: Promise<void> | undefined
  const close = async () => {
    try {
      // The answer to the first waits for all before it. Where the file can't be written it is an error, which is told below.
      await client
        .ping()
        .then(() => client.quit())
        .catch(() => client.disconnect())
      await kept?.close()
    } finally {
      state.close()
      unlock()
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

async function openKept(
  state: RedisServerState,
  { file, oldSnapshot, log = () => {}, appendedBytes, disk }: EmbeddedOptions,
): Promise<AppendOnlyLog | null> {
  if (file === undefined) return null
  let taken = false
  const kept = await openLog(state.getDatabase(0), { file, log, appendedBytes, disk }, async () => {
    if (oldSnapshot === undefined) return
    taken = true
    const client = connect(state, null)
    await loadSnapshot(client, oldSnapshot).finally(() => client.disconnect())
  })
  if (oldSnapshot !== undefined && taken) {
    await rm(oldSnapshot, { force: true })
    await realDisk.syncFolder(oldSnapshot)
  } else if (oldSnapshot !== undefined && existsSync(oldSnapshot)) {
    log(`${oldSnapshot} is not read: what is kept is in ${file}. Move it away.`)
  }
  return kept
}

function connect(state: RedisServerState, kept: AppendOnlyLog | null): Redis {
  const executor = createRedisCommandExecutor({
    compatibility: COMPATIBILITY,
    ...(kept !== null && { policies: [kept.recorder.policy] }),
  })
  kept?.recorder.watch(executor, () => kept.replies.failure)
  class InProcess extends AbstractConnector {
    constructor() {
      super(0)
    }

    override async connect() {
      this.connecting = true
      const { clientSocket } = createVirtualConnection({ state, executor })
      if (kept !== null) holdReplies(clientSocket, kept)
      this.stream = clientSocket as unknown as NonNullable<AbstractConnector['stream']>
      return this.stream
    }
  }
  return new Redis({ Connector: InProcess, retryStrategy: () => null, maxRetriesPerRequest: 1 })
}

type ClientSocket = ReturnType<typeof createVirtualConnection>['clientSocket']

/** A reply is one chunk: in its place may stand an error. */
function holdReplies(socket: ClientSocket, { replies, changes }: AppendOnlyLog): void {
  if (typeof socket.feedClient !== 'function' || typeof socket.endClient !== 'function')
    throw new Error('This version of js-redis-server can’t hold its replies back.')
  const feed = socket.feedClient.bind(socket)
  const end = socket.endClient.bind(socket)
  socket.feedClient = (chunk) =>
    replies.hold(changes(), (failure) =>
      feed(failure === null ? chunk : Buffer.from(`-MISCONF ${failure.replaceAll(/\s+/g, ' ')}\r\n`)),
    )
  socket.endClient = () => replies.hold(changes(), end)
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
