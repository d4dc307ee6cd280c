// The append-only file: takes changes, puts them on the disk in the order that they came, and tells how far it is. While one
// frame is on its way, what comes is collected, and goes with the next: nobody waits for a timer. When what was appended has
// outgrown the base, the file is written anew beside itself and renamed into its place.

import { randomBytes } from 'node:crypto'
import { type FileHandle, rm } from 'node:fs/promises'
import type { Disk } from './disk.ts'
import { FILE_HEADER_BYTES, type FrameKind, fileHeader, frame } from './frame.ts'

/** What may be appended at least before the file is written anew; and then as much as the base is large. */
const APPENDED_BYTES = 2 << 20
const BASE_FRAME_BYTES = 256 << 10
const RETRY_MS = 1_000
/** A disk that hangs keeps nobody waiting for longer. */
const STUCK_MS = 10_000

/** Where the next frame goes, and what its file is made of. */
export type Place = { handle: FileHandle; salt: number; number: number; end: number; baseEnd: number }

export type LogFileOptions = {
  file: string
  /** All there is, as effects; and a moment at which nothing changes. */
  everything: () => Iterable<Buffer>
  between: <T>(take: () => T) => Promise<T>
  onDurable: (changes: number) => void
  onFailure: (failure: string) => void
  log: (line: string) => void
  disk: Disk
  appendedBytes?: number | undefined
}

export class LogFile {
  readonly #options: LogFileOptions
  #place: Place | null
  #waiting: Buffer[][] = []
  /** what came since a new file was begun; null: none is */
  #alsoNew: Buffer[][] | null = null
  #changes = 0
  #durable = 0
  #failed = false
  #retry: NodeJS.Timeout | undefined
  #writing: Promise<void> | null = null
  #rewriting: Promise<void> | null = null
  /** Whether it is certain to be found under its name after a power cut. */
  #named = true
  /** Takes the old file's place, between two frames. */
  #switch: (() => Promise<void>) | null = null
  #rewriteAt: number

  constructor(place: Place | null, options: LogFileOptions) {
    this.#place = place
    this.#options = options
    this.#rewriteAt = this.#nextRewrite()
  }

  /** How many changes were appended so far. */
  get changes(): number {
    return this.#changes
  }

  append(effects: Buffer[]): void {
    this.#changes++
    this.#waiting.push(effects)
    this.#alsoNew?.push(effects)
    this.#wake()
  }

  /** Together with all that has arrived by now. */
  #wake(): void {
    if (this.#writing !== null || this.#failed || this.#place === null) return
    this.#writing = new Promise((resolve) => setImmediate(resolve)).then(() => this.#writeAll())
  }

  async #writeAll(): Promise<void> {
    const stuck = setTimeout(() => this.#report(new Error('a write takes too long')), STUCK_MS)
    try {
      while (this.#waiting.length > 0 || this.#switch !== null) {
        stuck.refresh()
        if (this.#switch !== null) await this.#switch()
        else await this.#writeWaiting(this.#place!)
        this.#options.onDurable(this.#durable)
      }
    } catch (error) {
      this.#failed = true
      this.#report(error as Error)
      this.#retry = setTimeout(() => {
        this.#failed = false
        this.#wake()
      }, RETRY_MS)
    } finally {
      clearTimeout(stuck)
      this.#writing = null
    }
    if (!this.#failed && this.#place!.end > this.#rewriteAt) void this.rewrite().catch(() => {})
  }

  /** What failed is written to the same place again, all of it: what a disk refused to sync is not there, whatever it says later. */
  async #writeWaiting(place: Place): Promise<void> {
    const { disk } = this.#options
    const count = this.#waiting.length
    const bytes = frame(place.salt, place.number, 'appended', this.#waiting.flat())
    await disk.write(place.handle, bytes, place.end)
    await disk.sync(place.handle)
    await this.#name()
    place.end += bytes.length
    place.number++
    this.#waiting.splice(0, count)
    this.#durable += count
  }

  /** Folds what was appended into a new base. Everything goes on meanwhile. Rejects if it can't: then the file stays. */
  rewrite(): Promise<void> {
    this.#rewriting ??= this.#rewrite().finally(() => {
      this.#rewriting = null
    })
    return this.#rewriting
  }

  async #rewrite(): Promise<void> {
    const { file, everything, between, log, disk } = this.#options
    const temporary = `${file}.new`
    this.#alsoNew = []
    let next: Place | undefined
    try {
      next = await begin(disk, temporary)
      for (const effects of inFrames(everything())) await add(disk, next, 'base', effects)
      next.baseEnd = next.end
      await disk.sync(next.handle)
      await this.#exclusively(async () => {
        const { also, waiting } = await between(() => ({
          also: this.#alsoNew!.splice(0),
          waiting: this.#waiting.length,
        }))
        await this.#take(next!, also, waiting)
      })
    } catch (error) {
      if (this.#place !== next) {
        await next?.handle.close().catch(() => {})
        await rm(temporary, { force: true }).catch(() => {})
      }
      if (this.#place !== next)
        log(`${file} can't be written anew: ${(error as Error).message}. It goes on growing.`)
      throw error
    } finally {
      this.#alsoNew = null
      this.#rewriteAt = this.#nextRewrite()
    }
  }

  async #take(next: Place, also: Buffer[][], waiting: number): Promise<void> {
    const { file, disk } = this.#options
    if (also.length > 0) await add(disk, next, 'appended', also.flat())
    await disk.sync(next.handle)
    await disk.rename(`${file}.new`, file)
    // From here on the old file is not to be found any more, whatever happens next.
    const old = this.#place
    this.#place = next
    this.#alsoNew = null
    this.#named = false
    await old?.handle.close()
    await this.#name()
    this.#waiting.splice(0, waiting)
    this.#durable += waiting
  }

  async #name(): Promise<void> {
    const { disk, file } = this.#options
    if (!this.#named) await disk.syncFolder(file)
    this.#named = true
  }

  /** Runs `step` when no frame is on its way. */
  #exclusively(step: () => Promise<void>): Promise<void> {
    if (this.#place === null) return step()
    return new Promise((resolve, reject) => {
      this.#switch = async () => {
        this.#switch = null
        await step().then(resolve, reject)
      }
      this.#wake()
    })
  }

  #nextRewrite(): number {
    const { end, baseEnd } = this.#place ?? { end: 0, baseEnd: 0 }
    const least = this.#options.appendedBytes ?? APPENDED_BYTES
    // After one that failed, not at once again.
    return Math.max(2 * baseEnd, baseEnd + least, this.#place === null ? 0 : end + least / 2)
  }

  #report(error: Error): void {
    this.#options.onFailure(`${this.#options.file} can't be written: ${error.message}`)
  }

  /** Rejects if what was appended can't be put on the disk. */
  async close(): Promise<void> {
    try {
      await this.#rewriting?.catch(() => {})
      await this.rewrite().catch(async (error) => {
        // As it is it does as well, if only everything is in it.
        await this.#writing
        if (this.#waiting.length > 0) throw error
      })
      await this.#writing
    } finally {
      clearTimeout(this.#retry)
      await this.#place?.handle.close()
    }
  }
}

async function begin(disk: Disk, file: string): Promise<Place> {
  const handle = await disk.create(file)
  const salt = randomBytes(4).readUInt32LE()
  await disk.write(handle, fileHeader(salt), 0).catch(async (error) => {
    await handle.close()
    throw error
  })
  return { handle, salt, number: 0, end: FILE_HEADER_BYTES, baseEnd: FILE_HEADER_BYTES }
}

async function add(disk: Disk, place: Place, kind: FrameKind, effects: Buffer[]): Promise<void> {
  const bytes = frame(place.salt, place.number, kind, effects)
  await disk.write(place.handle, bytes, place.end)
  place.end += bytes.length
  place.number++
}

function* inFrames(effects: Iterable<Buffer>): Generator<Buffer[]> {
  let content: Buffer[] = []
  let bytes = 0
  for (const one of effects) {
    content.push(one)
    bytes += one.length
    if (bytes < BASE_FRAME_BYTES) continue
    yield content
    content = []
    bytes = 0
  }
  if (content.length > 0) yield content
}
