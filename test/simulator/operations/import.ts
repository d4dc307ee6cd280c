// Actor: events are imported, as history or to be billed: new ones, and with them some that were sent before, live or by another
// import, days ago perhaps. In parts, and sent again when it broke off.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { importEvents } from '../../../src/log/import/import-events.ts'
import type { ImportState } from '../../../src/log/import/import-state.ts'
import { LINES_PER_REQUEST } from '../../../src/log/import/limits.ts'
import type { SentLine } from '../../../src/log/import/line.ts'
import type { Isolate } from '../isolate.ts'
import type { Answer, Batch, SimEvent } from '../oracle.ts'
import type { Pace } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'
import { eventFields, isKnownYet, newEvent } from './send.ts'

/** Older ones are too old to be accepted. */
const SENT_AGAIN_WITHIN_MS = 30 * 24 * 3_600_000

export type Imported = { events: SimEvent[]; history: boolean; lines: number; pace: Pace }

export const importing = operation({
  name: 'import',
  weight: 3,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    history: fc.boolean(),
    events: fc.array(fc.record(eventFields), { maxLength: 3, size: 'max' }),
    /** sent before */
    again: fc.array(some, { maxLength: 3, size: 'max' }),
    /** of a part */
    lines: fc.constantFrom(1, 2, 1_000),
    pace,
  }),
  async run(world, { isolate, tenant, events: drawn, again, ...how }) {
    const { number } = world.tenant(tenant)
    const made = drawn.flatMap((one) => {
      const event = newEvent(world, number, world.customer(one.customer), {
        ...{ ...one, timeless: false, nameless: false },
      })
      if (!event) return []
      return one.doubled ? [event, event] : [event]
    })
    const known = importable(world, number)
    const repeated = again.flatMap((which) => known[which % Math.max(1, known.length)] ?? [])
    const events = [...made, ...repeated]
    if (events.length > 0) await sendImport(world, world.isolate(isolate), { events, ...how })
  },
})

/** Events that an import may have in it. What was erased is known by its id alone, and not for long. */
function importable(world: World, tenant: number): SimEvent[] {
  return world.oracle
    .identitiesOf(tenant)
    .flatMap(({ variants, firstSentMs }) =>
      variants.filter(
        (event) =>
          'id' in event.sent &&
          'timestamp' in event.sent &&
          world.time.nowMs - firstSentMs < SENT_AGAIN_WITHIN_MS &&
          (isKnownYet(world, firstSentMs) || variants.every((one) => !world.erasures.concern(one))),
      ),
    )
}

export async function sendImport(
  world: World,
  isolate: Isolate,
  { events, history, lines, pace }: Imported,
): Promise<void> {
  const { oracle } = world
  const batch: Batch = {
    ...{ n: oracle.batches.length, tenant: events[0]!.tenant, events, handling: 'lenient' },
    ...{ answered: false, retriable: true },
    firstSentMs: Math.min(...events.map(({ id }) => id.firstSentMs)),
  }
  oracle.batches.push(batch)
  const sending = oracle.sending(batch, history ? 'history' : 'live')
  const isKnown = ({ id }: SimEvent, i: number) =>
    sending.known[i]!.variant !== null && sending.known[i]!.rollbacks === id.rollbacks
  await world.start(`import ${batch.n}`, isolate, pace, async (actor) => {
    world.senders.set(actor, events)
    const state = await stateOf(world, isolate, batch, { history, lines })
    if (state === null) return
    // Redis went back after it had taken some of these, and before this answer: what was taken may be lost, as with an answer that came
    // before. So it is taken for one that was not heard.
    if (events.some(({ id }, i) => sending.known[i]!.rollbacks !== id.rollbacks)) return
    const fresh = new Set(events.filter((event, i) => !isKnown(event, i)))
    if (state.accepted > fresh.size)
      throw new Violation(
        laws.once,
        `an import takes ${state.accepted} events, of which ${fresh.size} are new`,
      )
    oracle.answered(sending, answerOf(state, events), world.isUnsure(actor))
  })
}

/** null: nothing is full but for now, and it broke off. */
async function stateOf(
  world: World,
  { services }: Isolate,
  { tenant, events }: Batch,
  { history, lines }: { history: boolean; lines: number },
): Promise<ImportState | null> {
  const config = await services.configs.load(world.tenants[tenant]!.id)
  const importing = { ...services, importLines: LINES_PER_REQUEST, pause: async () => {} }
  try {
    return await importEvents(importing, config, {
      ...{ id: crypto.randomUUID(), mode: history ? 'history' : 'billable', format: 'ndjson' },
      ...{ ignoredColumns: [], lines: partsOf(events, lines), fromLine: 1 },
    })
  } catch (error) {
    const isFull = error instanceof TollgateError && ['backlog_full', 'log_backlog_full'].includes(error.code)
    if (isFull) return null
    throw error
  }
}

async function* partsOf(events: SimEvent[], lines: number): AsyncGenerator<SentLine[]> {
  const sent = events.map(({ sent }, i) => ({ line: i + 1, sent }))
  for (let at = 0; at < sent.length; at += lines) yield sent.slice(at, at + lines)
}

/** Of a line without an error it isn't told whether it was new. */
function answerOf({ status, errors, invalid }: ImportState, events: SimEvent[]): Answer {
  if (status !== 'done' || invalid > 0)
    throw new Violation(laws.answers, `an import ended as ${status}, with ${JSON.stringify(errors)}`)
  const wrong = new Set(errors.map(({ line }) => line))
  return { kind: 'statuses', statuses: events.map((_, i) => (wrong.has(i + 1) ? 'conflict' : 'duplicate')) }
}
