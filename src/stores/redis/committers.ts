// The Worker's side of the committer: hands a small call to an object that joins it with others of its tenant. The object keeps
// nothing. Whatever goes wrong with it, the Worker sends the call itself, with the same ids: if both arrive, the second is a duplicate.

import type { PlacedBatch, PlacedOutcome } from '../../metering/placement/record-placed.ts'
import { EVENTS_JOINED } from './coalesce.ts'
import { CommitterLoad } from './committer-load.ts'

export const committerLocations = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'] as const
export type CommitterLocation = (typeof committerLocations)[number]

/** What is used of the binding: a namespace of Durable Objects of the class Committer. */
export type CommitterNamespace = {
  idFromName(name: string): unknown
  get(id: unknown, options?: { locationHint?: string }): { commit(call: string): Promise<unknown> }
}

/** Whether a binding of the Worker is one. */
export const isCommitterNamespace = (binding: unknown): binding is CommitterNamespace =>
  typeof binding === 'object' &&
  binding !== null &&
  ['idFromName', 'get'].every((method) => typeof (binding as Record<string, unknown>)[method] === 'function')

/** In front of every call: an object of another version does not read what it might misread. */
const FORMAT = '2'

/** What an object answers in place of an outcome. */
const OVERLOADED = 'overloaded'
const NO_OUTCOME = 'no outcome'
/** Calls that wait in one object; more are sent to the next one. */
const CALLS_WAITING = 1_000
/** A Worker that has to send the call itself has waited so long, and what the object itself lets a call wait for company. */
export const COMMITTER_TIMEOUT_MS = 3_000
/** Objects that one call is offered to. */
const OBJECTS_TRIED = 2

type RecordOne = (batch: PlacedBatch) => Promise<PlacedOutcome>
export type CommittersOptions = { location?: CommitterLocation | undefined; timeoutMs: number }

/** In the Worker. `itself`: sends a batch without an object. */
export function throughCommitters(
  itself: RecordOne,
  namespace: CommitterNamespace,
  { location, timeoutMs }: CommittersOptions,
): RecordOne {
  const load = new CommitterLoad()
  const objectOf = (tenantId: string, n: number) =>
    namespace.get(
      namespace.idFromName(`${tenantId}/${n}`),
      location === undefined ? undefined : { locationHint: location },
    )

  async function commit(batch: PlacedBatch): Promise<PlacedOutcome | null> {
    const { tenantId } = batch
    const call = FORMAT + JSON.stringify(batch)
    for (let tries = 0; tries < OBJECTS_TRIED; tries++) {
      const n = load.pick(tenantId)
      if (n === null) return null
      try {
        const answer = await within(timeoutMs, objectOf(tenantId, n).commit(call))
        if (answer !== OVERLOADED) return outcomeFor(batch, answer)
        load.overloaded(tenantId, n)
      } catch (error) {
        if (!isOverload(error)) {
          load.failed(tenantId, n)
          return null
        }
        load.overloaded(tenantId, n)
      }
    }
    return null
  }

  return async (batch) => {
    if (batch.events.length > EVENTS_JOINED) return itself(batch)
    return (await commit(batch)) ?? itself(batch)
  }
}

/** In the object. `record`: joins what arrives at once. Answers a call with an outcome, or with why there is none. */
export function committing(record: RecordOne): (call: string) => Promise<string> {
  let waiting = 0
  return async (call) => {
    if (!call.startsWith(FORMAT)) return NO_OUTCOME
    if (waiting >= CALLS_WAITING) return OVERLOADED
    waiting++
    try {
      return JSON.stringify(await record(JSON.parse(call.slice(FORMAT.length)) as PlacedBatch))
    } catch {
      // The Worker meets the same error, if it lasts, and says what it is.
      return NO_OUTCOME
    } finally {
      waiting--
    }
  }
}

/** null: the object has none. */
function outcomeFor({ events }: PlacedBatch, answer: unknown): PlacedOutcome | null {
  if (typeof answer !== 'string' || answer === NO_OUTCOME) return null
  const outcome = JSON.parse(answer) as PlacedOutcome
  return 'verdicts' in outcome && outcome.verdicts.length !== events.length ? null : outcome
}

/** As Cloudflare marks what an object throws that has too much to do. */
const isOverload = (error: unknown): boolean =>
  error instanceof Error && 'overloaded' in error && error.overloaded === true

function within<T>(ms: number, call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  return Promise.race([call, late]).finally(() => clearTimeout(timer))
}
