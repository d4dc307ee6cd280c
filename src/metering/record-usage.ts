// Record: the hot path. One call to the counter store in steady state; configuration comes from a cache that the store
// checks by its version.

import { TollgateError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import { batchOf, type Delta, deltasOf } from './count-events.ts'
import { type Event, parseEvent, type Wrong } from './event.ts'
import { EVENTS_PER_BATCH, type Limits } from './limits.ts'
import { activeMeters, type TenantConfig } from './meter.ts'
import type { CounterStore, RecordOutcome, TenantConfigs, Verdict } from './ports.ts'

export type RecordServices = {
  clock: () => number
  limits: Limits
  counters: CounterStore
  configs: TenantConfigs
}

export type RecordInput = {
  /** As sent. An event that a converter found wrong already is `{ wrong }`. */
  events: { sent: unknown; pointer: string; wrong?: Wrong[] }[]
  handling: 'strict' | 'lenient'
}

export type EventStatus = 'accepted' | 'duplicate' | 'conflict' | 'invalid'
export type RecordResult = {
  accepted: number
  duplicates: number
  /** in the order sent; `errors` for conflict and invalid */
  events: { id: string | null; status: EventStatus; errors?: Wrong[] }[]
}

/** A caller's configuration can be overtaken between loading it and using it, but hardly so often. */
const CONFIG_TRIES = 4

/**
 * Counts each event once. strict: all or nothing, a bad event is a 422 (or 409 for a conflict) that names it. lenient: the
 * good ones count, and each event has its status.
 * Throws validation_failed, unknown_resource_type, event_conflict, quantity_out_of_range, batch_too_large, backlog_full,
 * store_unavailable (the outcome is unknown: the same request may be sent again).
 */
export async function recordUsage(
  services: RecordServices,
  tenant: TenantConfig,
  input: RecordInput,
): Promise<RecordResult> {
  const { events: sent, handling } = input
  if (sent.length === 0)
    throw new TollgateError('validation_failed', 'The batch has no events: send 1 at least.')
  if (sent.length > EVENTS_PER_BATCH) {
    throw new TollgateError(
      'batch_too_large',
      `The batch has ${sent.length} events; at most ${EVENTS_PER_BATCH} go into one request. Split it.`,
    )
  }
  const nowMs = services.clock()
  const parsed = sent.map(({ sent, pointer, wrong }) => ({
    pointer,
    sent,
    event: wrong ?? checked(sent, pointer, nowMs, services.limits),
  }))

  let config = tenant
  let reloadedForType = false
  for (let attempt = 1; attempt <= CONFIG_TRIES; attempt++) {
    const prepared = parsed.map(({ pointer, event }) => prepare(event, pointer, config))
    if (!reloadedForType && prepared.some((one) => 'unknownType' in one)) {
      reloadedForType = true
      const latest = await services.configs.reload(config.tenantId, 'unknown_resource_type')
      if (latest.version !== config.version) {
        config = latest
        continue
      }
    }
    const wrong = prepared.flatMap((one) => ('wrong' in one ? one.wrong : []))
    if (handling === 'strict' && wrong.length > 0)
      throw invalid(
        wrong,
        prepared.every((one) => !('wrong' in one) || 'unknownType' in one),
      )

    const good = prepared.filter((one) => 'event' in one)
    const outcome =
      good.length === 0
        ? ({ kind: 'recorded', verdicts: [] } as const)
        : await send(services, good, config, handling)
    if (outcome.kind === 'stale_config') {
      config = await services.configs.reload(config.tenantId, { newerVersion: outcome.version })
      continue
    }
    if (outcome.kind === 'backlog_full') throw backlogFull(outcome.scope)
    const result = resultOf(prepared, outcome.verdicts, parsed)
    if (outcome.kind === 'refused') throw refusal(result)
    return result
  }
  throw new TollgateError(
    'store_unavailable',
    'The meters are being changed at this moment. Send the same request again.',
    { retryAfterSeconds: 1 },
  )
}

type Prepared = { pointer: string } & (
  | { event: Event; deltas: Delta[] }
  | { wrong: Wrong[]; unknownType?: true }
)

function checked(sent: unknown, pointer: string, nowMs: number, limits: Limits): Event | Wrong[] {
  const event = parseEvent(sent, pointer, nowMs, newId)
  if (Array.isArray(event)) return event
  const { timestampMs } = event
  if (timestampMs < nowMs - limits.eventMaxAgeMs) {
    return [
      {
        pointer: `${pointer}/timestamp`,
        detail: `lies more than ${days(limits.eventMaxAgeMs)} back: the oldest that is taken now is ${new Date(nowMs - limits.eventMaxAgeMs).toISOString()}`,
      },
    ]
  }
  if (timestampMs > nowMs + limits.eventMaxAheadMs) {
    return [
      {
        pointer: `${pointer}/timestamp`,
        detail: `lies more than ${limits.eventMaxAheadMs / 60_000} minutes ahead: it is ${new Date(nowMs).toISOString()} here`,
      },
    ]
  }
  return event
}

const days = (ms: number): string => `${ms / 86_400_000} days`

function prepare(event: Event | Wrong[], pointer: string, config: TenantConfig): Prepared {
  if (Array.isArray(event)) return { pointer, wrong: event }
  const meters = activeMeters(config, event.resourceType)
  if (meters.length === 0) {
    const known = [
      ...new Set(config.meters.filter((meter) => !meter.archivedAt).map((meter) => meter.resourceType)),
    ]
    const detail =
      known.length === 0
        ? 'has no meter, and neither has any other resource type: create one with POST /api/v1/meters'
        : `has no meter; these have one: ${known.slice(0, 20).join(', ')}. Create one with POST /api/v1/meters`
    return { pointer, wrong: [{ pointer: `${pointer}/resource_type`, detail }], unknownType: true }
  }
  const deltas = deltasOf(event, meters, config, pointer)
  return isWrong(deltas) ? { pointer, wrong: deltas } : { pointer, event, deltas }
}

const isWrong = (deltas: Delta[] | Wrong[]): deltas is Wrong[] => deltas.length > 0 && 'pointer' in deltas[0]!

function send(
  services: RecordServices,
  events: { event: Event; deltas: Delta[] }[],
  config: TenantConfig,
  handling: 'strict' | 'lenient',
): Promise<RecordOutcome> {
  const batch = batchOf(events, config, handling)
  const bytes = batch.counters.reduce((sum, counter) => sum + counter.field.length, 0)
  if (bytes > services.limits.segmentMaxBytes) {
    throw new TollgateError(
      'batch_too_large',
      'The batch touches more counters than one segment holds: their names alone are too long together. Split it.',
    )
  }
  return services.counters.record(batch)
}

function resultOf(
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
    if (verdict === 'accepted') result.accepted++
    if (verdict === 'duplicate') result.duplicates++
    if (verdict === 'accepted' || verdict === 'duplicate') result.events.push({ id, status: verdict })
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

const OUT_OF_RANGE = 'would bring a counter out of range: its total has at most 24 digits before the point'

const sentId = (sent: unknown): string | null =>
  typeof sent === 'object' && sent !== null && 'id' in sent && typeof sent.id === 'string' ? sent.id : null

function invalid(wrong: Wrong[], onlyUnknownTypes: boolean): TollgateError {
  const events = new Set(wrong.map(({ pointer }) => pointer.split('/')[1])).size
  return onlyUnknownTypes
    ? new TollgateError(
        'unknown_resource_type',
        'An event has a resource type that no meter measures. Nothing was counted.',
        { issues: wrong },
      )
    : new TollgateError(
        'validation_failed',
        `${events > 1 ? 'Events are' : 'An event is'} invalid. Nothing was counted.`,
        { issues: wrong },
      )
}

function refusal(result: RecordResult): TollgateError {
  const issues = result.events.flatMap((event) => event.errors ?? [])
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

function backlogFull(scope: 'tenant' | 'partition' | 'dedupe'): TollgateError {
  const what = {
    tenant: 'Too much of your usage',
    partition: 'Too much usage',
    dedupe: 'Too many event ids of one day',
  }[scope]
  return new TollgateError(
    'backlog_full',
    `${what} waits to be settled. Nothing was counted: send the same request again later.`,
    { retryAfterSeconds: 60 },
  )
}
