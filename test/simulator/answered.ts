// What clients were told of corrections, and whether it stands in the end: whatever Postgres forgot when it was put back is there
// again, unless another correction of the same event came between, and then it says so.

import type { CorrectionState, KeptCorrection } from '../../src/log/correction.ts'
import { laws, Violation } from './violation.ts'

type Told = { tenantId: string; event: string; state: CorrectionState }

/** What each may be when nothing waits any more. `wanted`: somebody may have taken it back since, unheard. */
const STANDS: Partial<Record<CorrectionState, CorrectionState[]>> = {
  wanted: ['applied'],
  applied: ['applied'],
  reverted: ['reverted'],
  cancelled: ['cancelled', 'reverted'],
}

export class Answered {
  readonly #told = new Map<string, Told>()
  readonly #taken = new Set<string>()
  readonly #askedOf = new Map<string, number>()

  /** A correction of this event is on its way. */
  asking(tenantId: string, event: string): void {
    const key = `${tenantId} ${event}`
    this.#askedOf.set(key, (this.#askedOf.get(key) ?? 0) + 1)
  }

  /** It is on its way to be taken back: until that is answered, whether it is taken back is open. */
  taking(correction: string): void {
    this.#told.delete(correction)
    this.#taken.add(correction)
  }

  answer(tenantId: string, { correction, filter, state }: KeptCorrection, isTaken = false): void {
    if (this.#taken.has(correction) !== isTaken) return
    this.#told.set(correction, { tenantId, event: filter.eventId!, state })
  }

  /** `found`: all that Postgres has of a tenant. `isErased`: events of it were erased, and corrections of them may be refused. */
  check(tenantId: string, found: KeptCorrection[], isErased: boolean): void {
    const states = new Map(found.map((one) => [one.correction, one]))
    for (const [id, { tenantId: of, event, state }] of this.#told) {
      if (of !== tenantId) continue
      const now = states.get(id)
      if (now?.state === 'refused' && isErased) continue
      if (now?.state === 'refused' && this.#askedOf.get(`${of} ${event}`)! > 1) continue
      if (now !== undefined && STANDS[state]!.includes(now.state)) continue
      const is = `${now?.state ?? 'nowhere'}${now?.refusal ? ` (${now.refusal})` : ''}`
      throw new Violation(laws.comesBack, `a correction of ${event} was answered as ${state}, and is ${is}`)
    }
  }
}
