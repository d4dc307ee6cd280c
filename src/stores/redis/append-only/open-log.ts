// Opens the append-only file of an embedded Redis: what it holds is done again, and from then on all that changes is put there.

import { type FileHandle, open, rm } from 'node:fs/promises'
import type { RedisDatabase } from 'js-redis-server/core'
import { type Disk, realDisk } from './disk.ts'
import { Replay } from './effect.ts'
import { Damaged, readFrames } from './frame.ts'
import { HeldReplies } from './held-replies.ts'
import { LogFile, type Place } from './log-file.ts'
import { Recorder } from './recorder.ts'

export type LogOptions = {
  file: string
  log: (line: string) => void
  /** for tests: how much may be appended before the file is written anew, and what it is written to */
  appendedBytes?: number | undefined
  disk?: Disk | undefined
}

export type AppendOnlyLog = {
  recorder: Recorder
  replies: HeldReplies
  /** how many changes were appended so far */
  changes(): number
  /** Writes the file anew, in the shortest form. */
  close(): Promise<void>
}

/** `firstContent`: fills the database if there is no file yet. Throws an Error that names the file if it is damaged. */
export async function openLog(
  database: RedisDatabase,
  { file, log, appendedBytes, disk = realDisk }: LogOptions,
  firstContent: () => Promise<void>,
): Promise<AppendOnlyLog> {
  // Of a process that was killed while it wrote the file anew.
  await rm(`${file}.new`, { force: true })
  const place = await replayed(database, file, log)
  if (place === null) await firstContent()
  const replies = new HeldReplies()
  const recorder = new Recorder(database, (effects) => written.append(effects))
  const written = new LogFile(place, {
    file,
    log,
    disk,
    appendedBytes,
    everything: () => recorder.everything(),
    between: (take) => recorder.between(take),
    onDurable: (changes) => {
      if (replies.failure !== null) log(`${file} can be written again.`)
      replies.release(changes)
    },
    onFailure: (failure) => {
      if (replies.failure === null)
        log(`${failure}. Nothing is acknowledged until it can; it is tried again and again.`)
      replies.fail(failure)
    },
  })
  if (place === null) await written.rewrite()
  return { recorder, replies, changes: () => written.changes, close: () => written.close() }
}

async function replayed(
  database: RedisDatabase,
  file: string,
  log: (line: string) => void,
): Promise<Place | null> {
  const handle = await open(file, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return null
  try {
    return await replay(database, handle, file, log)
  } catch (error) {
    await handle.close()
    if (!(error instanceof Damaged)) throw error
    throw new Error(
      `${file} is damaged: ${error.message}. It holds the usage that is not in Postgres yet, and the ids of events. ` +
        'Put it back from a backup of the whole data folder, or move it away to start without them.',
    )
  }
}

async function replay(
  database: RedisDatabase,
  handle: FileHandle,
  file: string,
  log: (line: string) => void,
): Promise<Place> {
  const replay = new Replay(database)
  const read = await readFrames(handle, (content) => replay.apply(content))
  replay.end()
  const { salt, number, end, baseEnd, tornBytes } = read
  if (tornBytes > 0) {
    log(
      `${file}: the last ${tornBytes} bytes were not written to their end, and are cut off. Nobody was answered for them.`,
    )
    await handle.truncate(end)
    await handle.datasync()
  }
  return { handle, salt, number, end, baseEnd }
}
