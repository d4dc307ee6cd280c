// A Redis server of our own, which keeps what it acknowledged in an append-only file.

import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import { Child, eventually } from './children.ts'

const START_MS = 60_000

/**
 * `always`: in the file before it is answered. `everysec`: while a sync is under way Redis answers up to 2 s before it
 * writes, and a kill at that moment loses what was answered.
 */
export type Appendfsync = 'always' | 'everysec'

export class RedisServer {
  readonly port: number
  readonly #folder: string
  #child: Child | null = null
  #appendfsync: Appendfsync = 'always'
  #admin: Redis | null = null

  constructor(folder: string, port: number, name = 'redis') {
    this.port = port
    this.#folder = join(folder, name)
  }

  /** With nothing in it. */
  async startEmpty(appendfsync: Appendfsync): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
    this.#appendfsync = appendfsync
    await this.start()
  }

  /** With what its file holds. Does nothing if it runs. */
  async start(): Promise<void> {
    if (this.#child?.running) return
    await mkdir(this.#folder, { recursive: true })
    this.#child = new Child(program(), this.#arguments(), { cwd: this.#folder })
    await eventually('Redis starts', START_MS, async () => {
      if (!this.#child!.running) throw new Error(this.#child!.lines.slice(-5).join('\n'))
      await this.admin.ping()
    })
  }

  #arguments(): string[] {
    const options = {
      port: String(this.port),
      bind: '127.0.0.1',
      dir: this.#folder,
      appendonly: 'yes',
      appendfsync: this.#appendfsync,
      save: '',
      'maxmemory-policy': 'noeviction',
      'lazyfree-lazy-expire': 'yes',
      'lazyfree-lazy-server-del': 'yes',
    }
    return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  }

  /** Past every wire that may be broken. */
  get admin(): Redis {
    this.#admin ??= newAdmin(this.port)
    return this.#admin
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL')
  }

  async stop(): Promise<void> {
    this.#admin?.disconnect()
    this.#admin = null
    await this.#child?.end('SIGTERM')
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    if (this.#child?.paused) this.#child.kill('SIGCONT')
  }
}

function newAdmin(port: number): Redis {
  const admin = new Redis(port, '127.0.0.1', {
    maxRetriesPerRequest: 0,
    commandTimeout: 10_000,
    retryStrategy: () => 50,
    enableOfflineQueue: true,
  })
  admin.on('error', () => {})
  return admin
}

function program(): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, 'redis-server')).find((file) => existsSync(file))
  if (found) return found
  throw new Error('There is no redis-server on PATH. On Debian: apt-get install redis-server')
}

export const findRedis = program
