// Whose events are to be erased, and which of the two stores has it for certain: what was asked, how it was answered, and what was
// put back since. From that follows which copies of an event must not be shown any more, and which need not be.

import type { LogEntry } from '../../src/log/entry.ts'
import type { ErasureStore } from '../../src/log/erasure-ports.ts'
import { replaced } from './bugs/replaced.ts'
import type { Oracle, SimEvent } from './oracle.ts'

export type AskedErasure = {
  tenant: number
  customer: string
  id: string
  askedAt: number
  /** µs: what it was said to cover, each time that it was asked for */
  said: number[]
  /** since when each store has it, whatever is put back to then or later; null: perhaps it hasn't */
  redisSince: number | null
  postgresSince: number | null
}

export class Erasures {
  readonly asked: AskedErasure[] = []
  readonly #oracle: Oracle

  constructor(oracle: Oracle) {
    this.#oracle = oracle
  }

  ask(tenant: number, customer: string): AskedErasure {
    const id = crypto.randomUUID()
    const askedAt = ++this.#oracle.now
    const erasure = { tenant, customer, id, askedAt, said: [], redisSince: null, postgresSince: null }
    this.asked.push(erasure)
    return erasure
  }

  /** Tells what is entered as it goes out. */
  hearing(erasure: AskedErasure, real: ErasureStore): ErasureStore {
    return replaced(real, {
      enter: (sent) => {
        erasure.said.push(...sent.map(({ byMicros }) => byMicros))
        return real.enter(sent)
      },
    })
  }

  /** It was answered with success. `redisWentBack`: since it was asked for, and perhaps since Redis was told. */
  answered(erasure: AskedErasure, redisWentBack: boolean): void {
    const now = ++this.#oracle.now
    erasure.postgresSince ??= now
    if (!redisWentBack) erasure.redisSince ??= now
  }

  /** Those that Redis has for certain: they are offered to a Postgres that was put back. */
  noted(): AskedErasure[] {
    return this.asked.filter(({ redisSince }) => redisSince !== null)
  }

  offered(noted: AskedErasure[]): void {
    const now = ++this.#oracle.now
    for (const erasure of noted) erasure.postgresSince ??= now
  }

  redisWentBack(to: number): void {
    for (const one of this.asked) if (one.redisSince !== null && one.redisSince > to) one.redisSince = null
  }

  postgresWentBack(to: number): void {
    for (const one of this.asked)
      if (one.postgresSince !== null && one.postgresSince > to) one.postgresSince = null
  }

  /** Whether it was asked for at all, before then: an import of old events, say, may not know them any more. */
  concern(event: Pick<SimEvent, 'tenant' | 'customer'>, before = Number.POSITIVE_INFINITY): boolean {
    return this.#of(event).some(({ askedAt }) => askedAt < before)
  }

  #of({ tenant, customer }: Pick<SimEvent, 'tenant' | 'customer'>): AskedErasure[] {
    return this.asked.filter((one) => one.tenant === tenant && one.customer === customer)
  }

  /** Whether what arrived then may be gone. */
  mayCover(event: Pick<SimEvent, 'tenant' | 'customer'>, arrivedMs: number): boolean {
    return this.#of(event).some(({ said }) => said.some((by) => arrivedMs * 1_000 <= by))
  }

  /** Of a tenant, which events have to be gone by now: Postgres knows, and no read of the log goes without it. */
  standing(tenant: number): (entry: Pick<LogEntry, 'customerId' | 'receivedMicros'>) => boolean {
    const standing = this.asked
      .filter((one) => one.tenant === tenant && one.postgresSince !== null)
      .map(({ customer, said }) => ({ customer, by: Math.min(...said) }))
    return ({ customerId, receivedMicros }) =>
      standing.some(({ customer, by }) => customer === customerId && receivedMicros <= by)
  }
}
