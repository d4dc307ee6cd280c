import { type NeonQueryFunction, neon, neonConfig } from '@neondatabase/serverless'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-http'
import { integer, jsonb, numeric, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NeonRequest, startNeonBridge } from '../../src/local/neon-bridge.ts'
import { openSqlFarEnd, type SqlFarEnd } from './support.ts'

const password = 'p@ss/w:rd?#%'
let farEnd: SqlFarEnd
let sql: NeonQueryFunction<false, false>
let connectionString: string
let fetchEndpoint: string
let seen: NeonRequest[] = []
const closing: (() => Promise<void>)[] = []
const usualEndpoint = neonConfig.fetchEndpoint

beforeAll(async () => {
  farEnd = await openSqlFarEnd()
  const bridge = await startNeonBridge({
    backend: farEnd.backend,
    password,
    fault: (request) => {
      seen.push(request)
      return undefined
    },
  })
  ;({ connectionString, fetchEndpoint } = bridge)
  neonConfig.fetchEndpoint = () => fetchEndpoint
  sql = neon(connectionString)
  closing.push(bridge.close, farEnd.close)
  await farEnd.query(
    `create table things (id int primary key, name text unique, amount numeric check (amount >= 0), at timestamptz, extra jsonb)`,
  )
})
afterAll(async () => {
  neonConfig.fetchEndpoint = usualEndpoint
  for (const close of closing) await close()
})

/** The driver with all its parsers off: what came over the wire. */
const raw = {
  arrayMode: true,
  fullResults: true,
  types: { getTypeParser: () => (value: string) => value },
} as const

const values: Record<string, string> = {
  numeric: `'12345678901234567890.000000000100'::numeric`,
  int8: `9223372036854775807`,
  int4: `(-2147483648)::int4`,
  float8: `'0.1'::float8 + '0.2'::float8`,
  'not a number': `'NaN'::numeric`,
  bool: `true`,
  false: `false`,
  null: `null::text`,
  text: `E'ü € \\U0001F600 "q" \\\\ \\n\\t'`,
  'empty text': `''`,
  timestamptz: `'2026-11-22 10:11:12.123456+05:30'::timestamptz`,
  timestamp: `'2026-11-22 10:11:12'::timestamp`,
  date: `'2026-11-22'::date`,
  interval: `'1 day 02:03:04'::interval`,
  jsonb: `'{"b": [1, 2.50, null], "a": "x"}'::jsonb`,
  json: `'{"a":  1}'::json`,
  uuid: `'0f0e0d0c-0b0a-0908-0706-050403020100'::uuid`,
  bytea: `'\\x00ff10'::bytea`,
  'text array': `array['a', null, 'b,c', '"', '']::text[]`,
  'int array': `array[[1, 2], [3, 4]]`,
  'numeric array': `array[1.10, 2]::numeric[]`,
  enumerator: `(select typname from pg_type where oid = 25)`,
  record: `row(1, 'x')`,
  oid: `25::oid`,
  range: `int4range(1, 5)`,
}

describe('the Neon driver gets through the bridge what Postgres answers', () => {
  test.each(Object.entries(values))('%s', async (_name, expression) => {
    const query = `select ${expression} as value`
    const expected = await farEnd.query(query)
    const result = await sql.query(query, [], raw)
    expect(result.rows).toStrictEqual(expected.rows)
    expect(result.fields.map((field) => field.dataTypeID)).toEqual(expected.types)
    expect(result.fields.map((field) => field.name)).toEqual(['value'])
  })

  test.each([
    ['text', "it's", '$1::text'],
    ['text', 'ü €\u{1F600} \\ " \n', '$1::text'],
    ['numeric', '00012.3400', '$1::numeric'],
    ['int8', '9223372036854775807', '$1::int8'],
    ['null', null, '$1::text'],
    ['json', '{"a": [1, null]}', '$1::jsonb'],
    ['array', '{"a","b,c",NULL}', '$1::text[]'],
    ['timestamptz', '2026-11-22T10:11:12Z', '$1::timestamptz'],
    ['bytea', '\\x00ff', '$1::bytea'],
  ])('a parameter: %s %j', async (_name, value, expression) => {
    const expected = await farEnd.query(`select ${expression}`, [value])
    expect((await sql.query(`select ${expression}`, [value], raw)).rows).toStrictEqual(expected.rows)
  })

  test('JavaScript values as the driver writes them', async () => {
    const at = new Date('2026-11-22T10:11:12.345Z')
    const [row] =
      await sql`select ${1.5}::numeric as n, ${true}::bool as b, ${at}::timestamptz = '2026-11-22 10:11:12.345Z' as t,
      ${['x', 'y']}::text[] as a, ${{ k: [1] }}::jsonb as j, ${Buffer.from([0, 255])} as bytes, ${null}::int as nothing`
    expect(row).toEqual({
      n: '1.5',
      b: true,
      t: true,
      a: ['x', 'y'],
      j: { k: [1] },
      bytes: Buffer.from([0, 255]),
      nothing: null,
    })
  })

  test('rows as objects or arrays, whole results, and two columns of one name', async () => {
    expect(await sql`select 1 as a, 'x' as b`).toEqual([{ a: 1, b: 'x' }])
    expect(await sql.query(`select 1 as a, 'x' as a`, [], { arrayMode: true })).toEqual([[1, 'x']])
    const full = await sql.query(`select n from generate_series(1, 3) n`, [], { fullResults: true })
    expect(full).toMatchObject({ command: 'SELECT', rowCount: 3, rows: [{ n: 1 }, { n: 2 }, { n: 3 }] })
  })

  test('the command and its count of rows', async () => {
    const run = async (text: string) => {
      const { command, rowCount } = await sql.query(text, [], { fullResults: true })
      return [command, rowCount]
    }
    expect(await run(`insert into things (id) values (101), (102)`)).toEqual(['INSERT', 2])
    expect(await run(`update things set name = 'none' where id < 0`)).toEqual(['UPDATE', 0])
    expect(await run(`delete from things where id > 100`)).toEqual(['DELETE', 2])
    expect(await run(`create temporary table passing (a int)`)).toEqual(['CREATE', null])
    expect(
      await run(`with x as (insert into things (id) values (103) returning id) select * from x`),
    ).toEqual(['SELECT', 1])
    expect(await run(`delete from things`)).toEqual(['DELETE', 1])
  })

  test('a large statement with many values', async () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => `${i}.5`)
    const [row] =
      await sql`select count(*)::int as n, sum(v)::text as total from unnest(${numbers}::numeric[]) v`
    expect(row).toEqual({ n: 20_000, total: '200000000.0' })
  })
})

describe('errors carry what Postgres says', () => {
  test.each([
    [`select * from nothing_there`, {}],
    [`insert into things (id) values (null)`, { column: 'id', table: 'things', schema: 'public' }],
    [
      `insert into things (id, name) values (1, 'x'), (2, 'x')`,
      { constraint: 'things_name_key', table: 'things' },
    ],
    [`insert into things (id, amount) values (1, -1)`, { constraint: 'things_amount_check' }],
    [`select 1/0`, {}],
    [`selec 1`, { position: '1' }],
    [`select 'x'::numeric`, {}],
    [`select 1; select 2`, {}],
    [
      `do $$ begin raise exception 'mine' using errcode = 'TG001', detail = 'd', hint = 'h'; end $$`,
      { hint: 'h', detail: 'd' },
    ],
  ])('%s', async (statement, fields) => {
    const expected = await farEnd.query(statement).catch((error) => error)
    const error = await sql.query(statement).catch((reason) => reason)
    expect(error.name).toBe('NeonDbError')
    for (const name of ['message', 'code', 'severity']) expect(error[name]).toBe(expected[name])
    expect(error).toMatchObject(fields)
    expect(await sql`select 1 as still`).toEqual([{ still: 1 }])
  })

  test('a wrong password', async () => {
    const intruder = neon(connectionString.replace(encodeURIComponent(password), 'guess'))
    await expect(intruder`select 1`).rejects.toMatchObject({
      name: 'NeonDbError',
      code: '28P01',
      message: `password authentication failed for user 'tollgate'`,
    })
  })

  test('no password, nonsense in the body, a wrong path, an unknown isolation level', async () => {
    const headers = { 'neon-connection-string': connectionString, 'neon-raw-text-output': 'true' }
    const status = async (path: string, body: string, more: Record<string, string> = headers) =>
      (await fetch(new URL(path, fetchEndpoint), { method: 'POST', body, headers: more })).status
    seen = []
    expect(await status('/sql', '{"query": "select 1"}', {})).toBe(400)
    expect(await status('/sql', 'nonsense')).toBe(400)
    expect(await status('/sql', '{"queries": [{"no": 1}]}')).toBe(400)
    expect(await status('/elsewhere', '{"query": "select 1"}')).toBe(404)
    const odd = { ...headers, 'neon-batch-isolation-level': 'Chaos' }
    expect(await status('/sql', '{"queries": [{"query": "select 1"}]}', odd)).toBe(400)
    expect(seen).toEqual([])
    expect(await status('/sql', '{"query": "select $1::int[]", "params": [[1, null]]}')).toBe(200)
  })
})

describe('transactions', () => {
  test('several statements take effect together, and each has its result', async () => {
    const results = await sql.transaction((tx) => [
      tx`insert into things (id, name) values (1, 'a')`,
      tx`insert into things (id, name) values (2, 'b') returning id`,
      tx`select count(*)::int as n from things`,
    ])
    expect(results).toEqual([[], [{ id: 2 }], [{ n: 2 }]])
    expect(seen.at(-1)).toMatchObject({ batch: true, queries: [{}, {}, {}] })
    await sql`delete from things`
  })

  test('an error undoes all of it, and says which', async () => {
    const failing = sql.transaction([sql`insert into things (id) values (1)`, sql`select 1/0`])
    await expect(failing).rejects.toMatchObject({ code: '22012' })
    expect(await sql`select * from things`).toEqual([])
  })

  test.each([
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const)('the isolation level %s', async (isolationLevel, expected) => {
    const show = [
      sql`show transaction_isolation`,
      sql`show transaction_read_only`,
      sql`show transaction_deferrable`,
    ]
    const options = { isolationLevel, readOnly: true, deferrable: true }
    const shown = (await sql.transaction(show, options)) as Record<string, string>[][]
    expect(shown.flat()).toEqual([
      { transaction_isolation: expected },
      { transaction_read_only: 'on' },
      { transaction_deferrable: 'on' },
    ])
  })

  test('a read-only transaction refuses to write', async () => {
    await expect(
      sql.transaction([sql`insert into things (id) values (1)`], { readOnly: true }),
    ).rejects.toMatchObject({ code: '25006' })
  })

  test('requests do not see what another left open', async () => {
    await sql`begin`
    await sql`insert into things (id) values (7)`
    expect(await farEnd.query('select id from things')).toMatchObject({ rows: [['7']] })
    await sql`rollback`
    expect(await farEnd.query('select id from things')).toMatchObject({ rows: [['7']] })
    await sql`delete from things`
  })

  test('requests at once do not mix', async () => {
    const transfer = (i: number) =>
      sql.transaction([
        sql`insert into things (id) values (${i})`,
        sql`select ${i}::int as i`,
        ...(i % 3 === 0 ? [sql`select 1/0`] : []),
      ])
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => transfer(i)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
    expect(await sql`select count(*)::int as n from things where id % 3 <> 0`).toEqual([{ n: 20 }])
    expect(await sql`select count(*)::int as n from things`).toEqual([{ n: 20 }])
    await sql`delete from things`
  })
})

describe('drizzle over the Neon driver', () => {
  const things = pgTable('things', {
    id: integer('id').primaryKey(),
    name: text('name'),
    amount: numeric('amount'),
    at: timestamp('at', { withTimezone: true, mode: 'date' }),
    extra: jsonb('extra').$type<{ k: string[] }>(),
  })

  test('writes and reads back', async () => {
    const db = drizzle({ client: sql })
    const row = {
      id: 1,
      name: 'ü',
      amount: '0.000000000001',
      at: new Date('2026-11-22T10:11:12.345Z'),
      extra: { k: ['v'] },
    }
    expect(await db.insert(things).values(row).returning()).toEqual([row])
    expect(await db.select().from(things)).toEqual([row])
    const raw = await db.execute(
      drizzleSql`select id::text as id, extra::text as extra, null::text as nothing from things`,
    )
    expect(raw.rows).toEqual([{ id: '1', extra: '{"k": ["v"]}', nothing: null }])
    const [updated, found] = await db.batch([
      db.update(things).set({ name: 'x' }).returning(),
      db.select().from(things),
    ])
    expect([updated[0]!.name, found[0]!.name]).toEqual(['x', 'x'])
    const clash = await db
      .insert(things)
      .values(row)
      .catch((error) => error)
    expect(clash.cause).toMatchObject({ code: '23505', constraint: 'things_pkey' })
    await db.delete(things)
  })
})
