import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Claim, IdempotencyStore, KeyedRequest } from '../../src/access/idempotency-store.ts'
import { HOLD_SECONDS, KEEP_HOURS } from '../../src/access/idempotency-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { PostgresIdempotencyStore } from '../../src/stores/postgres/idempotency-store.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

describe.each(postgresBackends)('requests with a key, on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: IdempotencyStore
  let request: KeyedRequest

  beforeAll(async () => {
    backend = await open()
    store = new PostgresIdempotencyStore(backend.db)
  })
  afterAll(() => backend?.close())
  beforeEach(async () => {
    await rows(backend.db, sql`delete from idempotency_keys`)
    request = { scope: crypto.randomUUID(), keyHash: 'hash', fingerprint: 'content' }
  })

  const claimed = async (of = request): Promise<Claim> => {
    const outcome = await store.claim(of)
    if (outcome.kind !== 'claimed') throw new Error(`It is ${outcome.kind}`)
    return outcome.claim
  }
  const pass = (seconds: number) =>
    rows(
      backend.db,
      sql`update idempotency_keys set held_until = held_until - make_interval(secs => ${seconds}::int)`,
    )
  const count = async () => {
    const [row] = await rows(backend.db, sql`select count(*)::text as kept from idempotency_keys`)
    return Number(row!.kept)
  }

  it('are executed by one, and then answered', async () => {
    const claim = await claimed()
    expect(claim).toMatchObject({ ...request, attempt: 1 })
    expect(await store.claim(request)).toEqual({ kind: 'in_progress' })
    await store.finish(claim, 'the "answer" 😀')
    expect(await store.claim(request)).toEqual({
      kind: 'answered',
      seed: claim.seed,
      answer: 'the "answer" 😀',
    })
  })

  it('are refused with another content, whether there is an answer or not', async () => {
    const claim = await claimed()
    const other = { ...request, fingerprint: 'other' }
    expect(await store.claim(other)).toEqual({ kind: 'reused' })
    await store.finish(claim, 'answer')
    expect(await store.claim(other)).toEqual({ kind: 'reused' })
  })

  it('are others in another scope and with another key, and have another seed', async () => {
    const claims = [
      await claimed(),
      await claimed({ ...request, scope: crypto.randomUUID() }),
      await claimed({ ...request, keyHash: 'other' }),
    ]
    expect(new Set(claims.map(({ seed }) => seed)).size).toBe(3)
  })

  it('are claimed by one of many who come at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => store.claim(request)))
    const kinds = outcomes.map(({ kind }) => kind).sort()
    expect(kinds).toEqual(['claimed', ...Array.from({ length: 19 }, () => 'in_progress')])
  })

  it('are taken over, with the same seed, by one of many when the first has died', async () => {
    const { seed } = await claimed()
    await pass(HOLD_SECONDS - 5)
    expect(await store.claim(request)).toEqual({ kind: 'in_progress' })
    await pass(5)
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => store.claim(request)))
    expect(outcomes.filter(({ kind }) => kind === 'claimed')).toEqual([
      { kind: 'claimed', claim: { ...request, seed, attempt: 2 } },
    ])
  })

  it('are executed again at once, from the same seed, after a failure', async () => {
    const claim = await claimed()
    await store.release(claim)
    expect(await claimed()).toEqual({ ...claim, attempt: 2 })
  })

  it('belong to whoever took them over: the slow one frees nothing and answers nothing anew', async () => {
    const slow = await claimed()
    await pass(HOLD_SECONDS)
    const second = await claimed()
    await store.release(slow)
    expect(await store.claim(request)).toEqual({ kind: 'in_progress' })
    await store.finish(second, 'second')
    await store.finish(slow, 'slow')
    await store.release(second)
    expect(await store.claim(request)).toMatchObject({ kind: 'answered', answer: 'second' })
  })

  it('are forgotten a day later, a few with every claim, and none before', async () => {
    for (let i = 0; i < 30; i++) {
      const claim = await claimed({ ...request, keyHash: `old ${i}` })
      if (i % 2 === 0) await store.finish(claim, 'answer')
    }
    await pass(KEEP_HOURS * 3600)
    await claimed()
    expect(await count()).toBe(31)
    await pass(HOLD_SECONDS + 1)
    await claimed()
    expect(await count()).toBe(11)
    await claimed({ ...request, keyHash: 'third' })
    expect(await count()).toBe(2)
  })

  it('are never forgotten by themselves: however old, the same request has its answer', async () => {
    await store.finish(await claimed(), 'answer')
    await pass(KEEP_HOURS * 3600 * 2)
    expect(await store.claim(request)).toMatchObject({ kind: 'answered', answer: 'answer' })
  })
})
