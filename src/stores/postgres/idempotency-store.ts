// Requests with an Idempotency-Key, in Postgres.

import { sql } from 'drizzle-orm'
import {
  type Claim,
  type ClaimOutcome,
  HOLD_SECONDS,
  type IdempotencyStore,
  KEEP_HOURS,
  type KeyedRequest,
} from '../../access/idempotency-store.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

/** Old requests that a claim forgets at most: more than it adds, so that they go away. */
const FORGOTTEN_PER_CLAIM = 20

const HOLD = sql`make_interval(secs => ${HOLD_SECONDS}::int)`
const KEEP = sql`make_interval(hours => ${KEEP_HOURS}::int)`

export class PostgresIdempotencyStore implements IdempotencyStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  claim(request: KeyedRequest): Promise<ClaimOutcome> {
    return changing(() => this.#claim(request))
  }

  /** null: the request was claimed for the first time at this instant, and this statement doesn't see by whom. */
  async #claim(request: KeyedRequest): Promise<ClaimOutcome | null> {
    const { scope, keyHash, fingerprint } = request
    const [row] = await query<ClaimRow>(
      this.#db,
      sql`
        with old as (
          select scope, key_hash from idempotency_keys
          where held_until < now() - ${KEEP} and (scope, key_hash) <> (${scope}::text, ${keyHash}::text)
          order by held_until limit ${FORGOTTEN_PER_CLAIM}::int
          for update skip locked
        ), forgotten as (
          delete from idempotency_keys using old
          where idempotency_keys.scope = old.scope and idempotency_keys.key_hash = old.key_hash
        ), claimed as (
          insert into idempotency_keys as kept (scope, key_hash, fingerprint, seed, attempt, held_until)
          values (${scope}::text, ${keyHash}::text, ${fingerprint}::text, gen_random_uuid(), 1, now() + ${HOLD})
          on conflict (scope, key_hash) do update set attempt = kept.attempt + 1, held_until = excluded.held_until
          where kept.fingerprint = excluded.fingerprint and kept.answer is null and kept.held_until <= now()
          returning seed, attempt
        )
        select claimed.attempt::text as attempt, coalesce(claimed.seed, kept.seed)::text as seed,
          kept.fingerprint as fingerprint, kept.answer as answer
        from (select 1) as one
          left join claimed on true
          left join idempotency_keys as kept on kept.scope = ${scope}::text and kept.key_hash = ${keyHash}::text`,
    )
    const { attempt, seed, fingerprint: known, answer } = row!
    if (attempt !== null)
      return { kind: 'claimed', claim: { ...request, seed: seed!, attempt: Number(attempt) } }
    if (known === null) return null
    if (known !== fingerprint) return { kind: 'reused' }
    return answer === null ? { kind: 'in_progress' } : { kind: 'answered', seed: seed!, answer }
  }

  async finish({ scope, keyHash, seed }: Claim, answer: string): Promise<void> {
    await query(
      this.#db,
      sql`
        update idempotency_keys set answer = ${answer}::text
        where scope = ${scope}::text and key_hash = ${keyHash}::text and seed = ${seed}::uuid and answer is null`,
    )
  }

  async release({ scope, keyHash, seed, attempt }: Claim): Promise<void> {
    await query(
      this.#db,
      sql`
        update idempotency_keys set held_until = now()
        where scope = ${scope}::text and key_hash = ${keyHash}::text and seed = ${seed}::uuid
          and attempt = ${attempt}::int and answer is null`,
    )
  }
}

type ClaimRow = {
  attempt: string | null
  seed: string | null
  fingerprint: string | null
  answer: string | null
}
