// Single calls through the Worker in workerd, joined by an object that works, or fails in the middle of it.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LocalBackends, startLocalBackends } from '../../src/local/backends.ts'
import type { UpstashRequest } from '../../src/local/upstash-bridge.ts'
import { startWorker, type Worker } from '../../src/local/worker-process.ts'
import { freePort } from '../faults/children.ts'
import { RedisServer } from '../faults/redis-server.ts'
import { temporaryFolder } from '../local/support.ts'
import { freshDatabase } from '../support/postgres.ts'
import { real } from '../support/redis.ts'
import { type Fault, type FaultyState, faults } from './faults.ts'

const ADMIN = 'the-operator-of-this-suite'
/** Of one call of the record script, those inside it too, with every counter new: see scripts/record.ts. */
const COMMANDS_PER_CALL = 10

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let database: Awaited<ReturnType<typeof freshDatabase>> | null
/** Its own: its commands are counted. */
let redis: RedisServer | undefined
let backends: LocalBackends
let worker: Worker
const onTheWire: UpstashRequest[] = []

beforeAll(async () => {
  folder = await temporaryFolder()
  database = real ? await freshDatabase() : null
  redis = real ? new RedisServer(folder.path, await freePort()) : undefined
  await redis?.startEmpty('everysec')
  backends = await startLocalBackends({
    dataDir: null,
    redisUrl: redis && `redis://127.0.0.1:${redis.port}`,
    databaseUrl: database?.url,
    log: () => {},
    redisFault: (request) => void onTheWire.push(request),
  })
  const config = join(folder.path, 'wrangler.toml')
  const main = join(import.meta.dirname, 'faulty-worker.ts')
  await writeFile(
    config,
    `name = "faulty"
main = ${JSON.stringify(main)}
compatibility_date = "2026-10-01"
compatibility_flags = ["nodejs_compat"]
durable_objects.bindings = [{ name = "COMMITTER", class_name = "Committer" }]
migrations = [{ tag = "committer", new_sqlite_classes = ["Committer"] }]
`,
  )
  worker = await startWorker({
    env: {
      ...backends.env,
      SEGMENT_MAX_AGE_SECONDS: '0',
      SETTLE_AFTER_SECONDS: '0',
      ADMIN_TOKEN: ADMIN,
    },
    config,
  })
})
afterAll(async () => {
  await worker?.close()
  await backends?.close()
  await redis?.stop()
  await database?.drop()
  await folder?.remove()
})

async function call(method: string, path: string, token: string, body?: unknown, prefer?: string) {
  const response = await fetch(worker.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(prefer !== undefined && { prefer }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every form
  return { status: response.status, body: (await response.json()) as any }
}

async function newTenant(): Promise<string> {
  const made = await call('POST', '/api/v1/tenants', ADMIN, { name: 'Joined' })
  const { key } = made.body.api_key
  const meter = { key: 'calls', resource_type: 'api_call', aggregation: 'sum' }
  expect((await call('POST', '/api/v1/meters', key, meter)).status).toBe(201)
  return key
}

const fail = async (fault: Fault, share: number): Promise<void> => {
  const answer = await fetch(`${worker.url}/fault`, {
    method: 'POST',
    body: JSON.stringify({ fault, share }),
  })
  expect(answer.status).toBe(200)
}
const seen = async (): Promise<FaultyState> =>
  (await fetch(`${worker.url}/fault`)).json() as Promise<FaultyState>

async function billed(key: string): Promise<Record<string, string>> {
  const { status, body } = await call('GET', '/api/v1/usage', key)
  expect(status).toBe(200)
  return Object.fromEntries(
    body.data.map((row: { customer_id: string; quantity: string }) => [row.customer_id, row.quantity]),
  )
}

const event = (id: string, quantity = 1, customer_id = 'c') => ({
  id,
  quantity,
  customer_id,
  resource_type: 'api_call',
})

describe('single calls that come at once', () => {
  it('take less than one Redis command an event, and each counts once', async () => {
    await fail('none', 0)
    const key = await newTenant()
    await call('POST', '/api/v1/usage', key, event('first'))
    onTheWire.length = 0
    const before = real ? await commandsSoFar() : 0
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) => call('POST', '/api/v1/usage', key, event(`at once ${i}`))),
    )
    for (const { status, body } of answers)
      expect({ status, body }).toMatchObject({ status: 200, body: { accepted: 1 } })
    const calls = onTheWire.length
    expect(calls).toBeGreaterThan(0)
    expect(calls * COMMANDS_PER_CALL).toBeLessThan(64)
    if (real) expect((await commandsSoFar()) - before).toBeLessThan(64)
    expect((await seen()).seen).toBe(65)
    expect(await billed(key)).toEqual({ c: '65' })
  })

  it('keep each its own answer, all or nothing, conflict and refusal', async () => {
    await fail('none', 0)
    const key = await newTenant()
    await call('POST', '/api/v1/usage', key, event('known', 5))
    const post = (body: unknown, prefer?: string) => call('POST', '/api/v1/usage', key, body, prefer)
    const company = Array.from({ length: 20 }, (_, i) => post(event(`company ${i}`, 1, 'company')))
    const [again, conflict, batch, lenient, unknown, large] = await Promise.all([
      post(event('known', 5)),
      post(event('known', 6)),
      post([event('of a batch', 100), event('known', 7)]),
      post([event('fine', 10), event('known', 8)], 'handling=lenient'),
      post({ ...event('other'), resource_type: 'nothing' }),
      post(Array.from({ length: 100 }, (_, i) => event(`large ${i}`, 1, 'large'))),
    ])
    expect(again).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 1 } })
    expect(conflict).toMatchObject({ status: 409, body: { code: 'event_conflict' } })
    expect(batch).toMatchObject({ status: 409, body: { errors: [{ pointer: '#/1/id' }] } })
    expect(lenient).toMatchObject({
      status: 200,
      body: { events: [{ status: 'accepted' }, { status: 'conflict' }] },
    })
    expect(unknown).toMatchObject({ status: 422, body: { code: 'unknown_resource_type' } })
    expect(large).toMatchObject({ status: 200, body: { accepted: 100 } })
    for (const one of await Promise.all(company)) expect(one.body).toMatchObject({ accepted: 1 })
    expect(await billed(key)).toEqual({ c: '15', company: '20', large: '100' })
    // A large one gains nothing by company: it went to Redis itself, and the one that no meter takes went nowhere.
    expect((await seen()).seen).toBe(1 + 20 + 4)
  })
})

const LANES = 8
const ROUNDS = 3
/** What is slow or lost costs the Worker its patience: fewer calls of it do. */
const shares: Partial<Record<Fault, number>> = { slow: 0.05, answers_late: 0.05, hangs: 0.05 }

describe('a committer that fails in the middle of many calls', () => {
  it.each(faults.filter((one) => one !== 'none'))(
    '(%s) changes no answer, and no event counts twice',
    async (fault) => {
      const key = await newTenant()
      await call('POST', '/api/v1/usage', key, event('known', 1_000, 'known'))
      await fail(fault, shares[fault] ?? 0.3)
      const total = { c: 0, batch: 0 }
      async function lane(l: number): Promise<void> {
        for (let round = 0; round < ROUNDS; round++) {
          const id = `${l} ${round}`
          const one = await call('POST', '/api/v1/usage', key, event(`one ${id}`, l + 1))
          total.c += l + 1
          // Where the Worker sends again what the object has sent already, it is a duplicate: a success.
          expect(one.status).toBe(200)
          expect(one.body.accepted + one.body.duplicates).toBe(1)
          const batch = [event(`a ${id}`, 3, 'batch'), event(`b ${id}`, 4, 'batch')]
          const two = await call('POST', '/api/v1/usage', key, batch)
          total.batch += 7
          expect(two.status).toBe(200)
          expect(two.body.accepted + two.body.duplicates).toBe(2)
          const bad = await call('POST', '/api/v1/usage', key, [event(`bad ${id}`, 50), event('known', 1)])
          expect(bad).toMatchObject({ status: 409, body: { errors: [{ pointer: '#/1/id' }] } })
          const again = await call('POST', '/api/v1/usage', key, event(`one ${id}`, l + 1))
          expect(again).toMatchObject({ status: 200, body: { duplicates: 1 } })
        }
      }
      await Promise.all(Array.from({ length: LANES }, (_, l) => lane(l)))
      const { failed, names } = await seen()
      expect(failed).toBeGreaterThan(0)
      if (fault === 'overloaded') expect(Object.keys(names).length).toBeGreaterThan(1)
      else expect(Object.keys(names)).toEqual(['0'])
      await fail('none', 0)
      expect(await billed(key)).toEqual({ known: '1000', c: String(total.c), batch: String(total.batch) })
    },
  )

  it('and never answers again costs one call its patience, and not every one after it', async () => {
    const key = await newTenant()
    await fail('hangs', 1)
    const startedAt = performance.now()
    for (let i = 0; i < 5; i++)
      expect((await call('POST', '/api/v1/usage', key, event(`e ${i}`))).body).toMatchObject({ accepted: 1 })
    expect(performance.now() - startedAt).toBeGreaterThan(2_500)
    expect((await seen()).failed).toBeLessThan(4)
    await fail('none', 0)
    expect(await billed(key)).toEqual({ c: '5' })
  })
})

async function commandsSoFar(): Promise<number> {
  const counts = (await backends.redis.info('commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)
  return [...counts].reduce((sum, [, command, calls]) => sum + (command === 'info' ? 0 : Number(calls)), 0)
}
