import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockFolder } from '../../src/stores/folder-lock.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { migrateNodePostgres, migratePglite } from '../../src/stores/postgres/migrate.ts'
import { openNodePostgres } from '../../src/stores/postgres/node-postgres.ts'
import { openPglite } from '../../src/stores/postgres/pglite.ts'
import { real, required } from '../support/redis.ts'
import { makeDatabase, temporaryFolder } from './support.ts'

const source = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))
const run = promisify(execFile)

describe('PGlite on disk', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let dataDir: string

  beforeEach(async () => {
    folder = await temporaryFolder()
    dataDir = join(folder.path, 'made', 'on demand')
  })
  afterEach(() => folder.remove())

  test('keeps what it holds over a restart; migrations run once, from wherever the process was started', async () => {
    const elsewhere = process.cwd()
    process.chdir(folder.path)
    try {
      const first = await openPglite(dataDir)
      expect((await migratePglite(first.db)).applied[0]).toBe('0000_init')
      await rows(first.db, sql`insert into segments (id, partition, counters) values ('s', 0, 1)`)
      await first.close()
      const second = await openPglite(dataDir)
      expect(await migratePglite(second.db)).toEqual({ applied: [] })
      expect(
        await rows(
          second.db,
          sql`select id, partition::text as partition, null::text as nothing from segments`,
        ),
      ).toEqual([{ id: 's', partition: '0', nothing: null }])
      await second.close()
    } finally {
      process.chdir(elsewhere)
    }
  })

  test('refuses a second process, with its folder and pid; takes over when that one was killed', async () => {
    const script = `
      const { openPglite } = await import(${JSON.stringify(source('stores/postgres/pglite.ts'))})
      const { client } = await openPglite(process.argv[1])
      await client.exec('create table kept (a int); insert into kept values (1)')
      process.stdout.write('open')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, dataDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(openPglite(dataDir)).rejects.toThrow(
      `The database in ${dataDir} is open in another process, pid ${child.pid}`,
    )
    child.kill('SIGKILL')
    await exited
    expect(existsSync(`${dataDir}.lock`)).toBe(true)
    const survivor = await openPglite(dataDir)
    expect(await rows(survivor.db, sql`select a::text as a from kept`)).toEqual([{ a: '1' }])
    await survivor.close()
  })

  test('refuses to be opened twice in one process, and leaves no lock behind', async () => {
    const unlock = lockFolder(folder.path)
    await expect(openPglite(folder.path)).rejects.toThrow(/open in this process already/)
    unlock()
    expect(existsSync(`${folder.path}.lock`)).toBe(false)
  })

  async function takesOverFrom(content: string): Promise<void> {
    await writeFile(`${folder.path}.lock`, content)
    const unlock = lockFolder(folder.path)
    expect(JSON.parse(await readFile(`${folder.path}.lock`, 'utf8')).pid).toBe(process.pid)
    unlock()
  }

  test('takes over a lock that is garbage', () => takesOverFrom('garbage'))

  test.runIf(process.platform === 'linux')('takes over a lock whose pid another process has by now', () =>
    takesOverFrom(JSON.stringify({ pid: 1, started: 'before/0' })),
  )
})

describe('npm run migrate', () => {
  test('says what it needs when DATABASE_URL is not set', async () => {
    const env = { ...process.env, DATABASE_URL: '' }
    const error = await run(process.execPath, [source('migrate.ts')], { env }).catch((reason) => reason)
    expect(error.code).toBe(1)
    expect(error.stderr).toMatch(/DATABASE_URL is not set/)
  })

  test('says when the database is not there', async () => {
    const env = { ...process.env, DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' }
    const error = await run(process.execPath, [source('migrate.ts')], { env }).catch((reason) => reason)
    expect(error.code).toBe(1)
    expect(error.stderr).toMatch(/ECONNREFUSED/)
  })
})

describe.runIf(real)('a Postgres server', () => {
  const databases: { url: string; drop(): Promise<void> }[] = []
  const make = async () => {
    const database = await makeDatabase(required('DATABASE_URL'))
    databases.push(database)
    return database.url
  }
  afterAll(async () => {
    for (const { drop } of databases) await drop()
  })

  test('two that migrate at once do not get in each other’s way', async () => {
    const url = await make()
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => migrateNodePostgres(url)))
    expect(outcomes.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
    const again = await run(process.execPath, [source('migrate.ts')], {
      env: { ...process.env, DATABASE_URL: url },
    })
    expect(again.stdout).toBe('Nothing to do: the schema is up to date.\n')
  })

  test('a statement that takes too long is stopped on the server', async () => {
    const { db, close } = openNodePostgres(await make(), { max: 1, timeoutMs: 100 })
    const error = await rows(db, sql`select pg_sleep(30)::text as slept`).catch((reason) => reason)
    expect(error.cause).toMatchObject({ code: '57014' })
    expect(await rows(db, sql`select 1::text as one, null::text as nothing`)).toEqual([
      { one: '1', nothing: null },
    ])
    await close()
  })

  test('a connection that the server closes while it is idle is replaced', async () => {
    const url = await make()
    const log: string[] = []
    const victim = openNodePostgres(url, { max: 1, timeoutMs: 5_000, log: (message) => log.push(message) })
    const other = openNodePostgres(url, { max: 1, timeoutMs: 5_000 })
    const [before] = await rows(victim.db, sql`select pg_backend_pid()::text as pid`)
    await rows(other.db, sql`select pg_terminate_backend(${before!.pid}::int)::text as done`)
    await expect.poll(() => log.length).toBe(1)
    const [after] = await rows(victim.db, sql`select pg_backend_pid()::text as pid`)
    expect(after!.pid).not.toBe(before!.pid)
    await victim.close()
    await other.close()
  })

  test('more callers than connections wait their turn', async () => {
    const { db, close } = openNodePostgres(await make(), { max: 2, timeoutMs: 5_000 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => rows(db, sql`select ${i}::text as i`)),
    )
    expect(answers.map(([row]) => row!.i)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    await close()
  })
})
