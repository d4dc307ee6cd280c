// What recording a batch is answered with: a result, or a refusal that names each bad event.

import { TollgateError } from '../kernel/errors.ts'
import type { Wrong } from './event.ts'
import { COUNTER_INTEGER_DIGITS, type Limits } from './limits.ts'
import type { RecordOutcome, Verdict } from './ports.ts'
import type { Prepared } from './prepare-event.ts'

/** Bad events that one answer names. */
const ISSUES_SHOWN = 100

export type EventStatus = 'accepted' | 'duplicate' | 'conflict' | 'invalid'
export type RecordResult = {
  accepted: number
  duplicates: number
  /** in the order sent; `errors` for conflict and invalid; `skipped`: keys of meters that left it out, if any did */
  events: { id: string | null; status: EventStatus; errors?: Wrong[]; skipped?: readonly string[] }[]
}

export function resultOf(
  prepared: Prepared[],
  verdicts: readonly Verdict[],
  parsed: { sent: unknown }[],
): RecordResult {
  const result: RecordResult = { accepted: 0, duplicates: 0, events: [] }
  let next = 0
  for (const [i, one] of prepared.entries()) {
    if (!('event' in one)) {
      result.events.push({ id: sentId(parsed[i]!.sent), status: 'invalid', errors: one.wrong })
      continue
    }
    const verdict = verdicts[next++]!
    const { id } = one.event
    const { skipped } = one
    if (verdict === 'accepted') result.accepted++
    if (verdict === 'duplicate') result.duplicates++
    if (verdict === 'accepted' || verdict === 'duplicate')
      result.events.push(skipped.length === 0 ? { id, status: verdict } : { id, status: verdict, skipped })
    else if (verdict === 'conflict')
      result.events.push({
        id,
        status: 'conflict',
        errors: [
          {
            pointer: `${one.pointer}/id`,
            detail: 'was used before for an event with other content; nothing of this one is counted',
          },
        ],
      })
    else
      result.events.push({
        id,
        status: 'invalid',
        errors: [{ pointer: `${one.pointer}/quantity`, detail: OUT_OF_RANGE }],
      })
  }
  return result
}

const OUT_OF_RANGE = `would bring a counter out of range: its total has at most ${COUNTER_INTEGER_DIGITS} digits before the point`

const sentId = (sent: unknown): string | null =>
  typeof sent === 'object' && sent !== null && 'id' in sent && typeof sent.id === 'string' ? sent.id : null

/** For a strict batch with invalid events; null if there are none. */
export function invalidBatch(prepared: Prepared[]): TollgateError | null {
  const bad = prepared.filter((one) => 'wrong' in one)
  if (bad.length === 0) return null
  const issues = bad.flatMap(({ wrong }) => wrong).slice(0, ISSUES_SHOWN)
  const onlyUnknownTypes = bad.every((one) => one.unknownType)
  return onlyUnknownTypes
    ? new TollgateError(
        'unknown_resource_type',
        'An event has a resource type that no meter measures. Nothing was counted.',
        { issues },
      )
    : new TollgateError(
        'validation_failed',
        `${bad.length === 1 ? 'An event is' : `${bad.length} events are`} invalid. Nothing was counted.`,
        { issues },
      )
}

/** For a strict batch with conflicts, or with sums out of range. */
export function refusedBatch(result: RecordResult): TollgateError {
  const issues = result.events.flatMap((event) => event.errors ?? []).slice(0, ISSUES_SHOWN)
  return result.events.some((event) => event.status === 'conflict')
    ? new TollgateError(
        'event_conflict',
        'An event’s id was used before for other content. Nothing was counted.',
        { issues },
      )
    : new TollgateError('quantity_out_of_range', 'A counter would go out of range. Nothing was counted.', {
        issues,
      })
}

type BacklogFull = Extract<RecordOutcome, { kind: 'backlog_full' }>

/** It says what is full, what helps and when. */
export function backlogFull({ scope, of }: BacklogFull, limits: Limits): TollgateError {
  const yours = scope === 'tenant'
  const whose = yours ? 'of yours' : 'of all tenants here'
  if (of === 'log') {
    const bytes = yours ? limits.backlogMaxLogBytesPerTenant : limits.backlogMaxLogBytes
    return new TollgateError(
      'log_backlog_full',
      `Events ${whose} wait to be written to the event log, and ${bytes / 1_000_000} MB of them is the most. ${AGAIN} Nothing was counted: send the same request again then; fewer or smaller properties make more events fit.`,
      { retryAfterSeconds: 60 },
    )
  }
  const counters = yours ? limits.backlogMaxCountersPerTenant : limits.backlogMaxCounters
  return new TollgateError(
    'backlog_full',
    `Counters ${whose} wait to be settled, and ${counters} of them is the most. ${AGAIN} Nothing was counted: send the same request again then. What adds to counters that wait already is taken meanwhile; a counter is a customer, meter, hour and group.`,
    { retryAfterSeconds: 60 },
  )
}

const AGAIN = 'There is room again when some are settled, which the aggregator does every minute.'
