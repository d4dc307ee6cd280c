// A Postgres cluster of our own.

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { Child, eventually } from './children.ts'

const START_MS = 60_000
const USER = 'tollgate'
const run = promisify(execFile)

/** Postgres refuses to run as root: then it runs as the user that Debian's packages make. */
type As = { uid?: number; gid?: number }

export class PostgresServer {
  readonly port: number
  readonly #folder: string
  readonly #bin = findPostgres()
  readonly #as: As = unprivileged()
  #child: Child | null = null

  constructor(folder: string, port: number) {
    this.port = port
    this.#folder = join(folder, 'postgres')
  }

  async create(): Promise<void> {
    await mkdir(this.#folder, { mode: 0o700 })
    if (this.#as.uid !== undefined) await chown(this.#folder, this.#as.uid, this.#as.gid!)
    const args = ['-D', this.#folder, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    await run(join(this.#bin, 'initdb'), args, { ...this.#as, cwd: '/' })
    await this.start()
  }

  /** Does nothing if it runs. After an immediate stop it may have to wait for the last of its processes to go. */
  async start(): Promise<void> {
    await eventually('Postgres starts', START_MS, async () => {
      if (!this.#child?.running) this.#spawn()
      try {
        await this.query('select 1', 'postgres')
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${this.#child!.lines.slice(-3).join('\n')}`)
      }
    })
  }

  #spawn(): void {
    // Processes are killed here, not the machine: what the kernel has is not lost, and syncing it would only take time.
    const settings = [
      'listen_addresses=127.0.0.1',
      `port=${this.port}`,
      'unix_socket_directories=',
      'fsync=off',
      'max_connections=60',
    ]
    const args = ['-D', this.#folder, ...settings.flatMap((setting) => ['-c', setting])]
    this.#child = new Child(join(this.#bin, 'postgres'), args, { ...this.#as, cwd: '/' }, 'SIGQUIT')
  }

  url(database: string): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/${database}`
  }

  async query(statement: string, database: string): Promise<pg.QueryResult> {
    const client = new pg.Client({
      connectionString: this.url(database),
      connectionTimeoutMillis: 5_000,
      application_name: 'faults',
    })
    client.on('error', () => {})
    await client.connect()
    return await client.query(statement).finally(() => client.end().catch(() => {}))
  }

  /** As `pg_ctl stop -m immediate` does: every process ends at once, and the next start recovers from the log. */
  async stopImmediately(): Promise<void> {
    await this.#child?.end('SIGQUIT')
  }

  async terminateBackends(): Promise<void> {
    await this.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'tollgate%'`,
      'postgres',
    )
  }

  async stop(): Promise<void> {
    await this.#child?.end('SIGINT')
  }
}

export function findPostgres(): string {
  const candidates: string[] = []
  try {
    candidates.push(execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim())
  } catch {
    // Only the client is installed, or nothing.
  }
  const debian = '/usr/lib/postgresql'
  if (existsSync(debian)) {
    const newestFirst = readdirSync(debian).sort((x, y) => Number(y) - Number(x))
    candidates.push(...newestFirst.map((version) => join(debian, version, 'bin')))
  }
  const found = candidates.find((folder) =>
    ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))),
  )
  if (found) return found
  throw new Error(
    'There is no Postgres server (initdb and postgres, by pg_config --bindir or below /usr/lib/postgresql). On Debian: apt-get install postgresql',
  )
}

function unprivileged(): As {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
