// Record: the hot path. One call to the counter store in steady state; configuration comes from a cache that the store
// checks by its version.

import { TollgateError } from '../kernel/errors.ts'
import { type NewId, newId as randomId } from '../kernel/ids.ts'
import { batchOf, type Delta } from './count-events.ts'
import type { Event, Wrong } from './event.ts'
import { EVENTS_PER_BATCH, HISTORY_MAX_AGE_MS, type Limits } from './limits.ts'
import type { TenantConfig } from './meter.ts'
import type { CounterStore, RecordOutcome, SegmentLog, TenantConfigs } from './ports.ts'
import { checkedEvent, prepareEvent } from './prepare-event.ts'
import { backlogFull, invalidBatch, type RecordResult, refusedBatch, resultOf } from './record-result.ts'

export type RecordServices = {
  clock: () => number
  limits: Limits
  counters: CounterStore
  configs: TenantConfigs
  /** null: events are counted, and not kept */
  log: SegmentLog | null
}

export type RecordInput = {
  /** As sent. An event that a converter found wrong already is `{ wrong }`. */
  events: { sent: unknown; pointer: string; wrong?: Wrong[] }[]
  handling: 'strict' | 'lenient'
  /** They are history, and may be older (history.ts). */
  history?: boolean
  /** Gives an event its id where the sender has not; random by default. */
  newId?: NewId
}

/** A caller's configuration can be overtaken between loading it and using it, but hardly so often. */
const CONFIG_TRIES = 4

/**
 * Counts each event once. strict: all or nothing, a bad event is a 422 (or 409 for a conflict) that names it. lenient: the
 * good ones count, and each event has its status.
 * Throws validation_failed, unknown_resource_type, event_conflict, quantity_out_of_range, batch_too_large, backlog_full, log_backlog_full, memory_full,
 * store_unavailable (the outcome is unknown: the same request may be sent again).
 */
export async function recordUsage(
  services: RecordServices,
  tenant: TenantConfig,
  input: RecordInput,
): Promise<RecordResult> {
  const { events: sent, handling, history = false, newId = randomId } = input
  if (sent.length === 0)
    throw new TollgateError('validation_failed', 'The batch has no events: send 1 at least.')
  if (sent.length > EVENTS_PER_BATCH) {
    throw new TollgateError(
      'batch_too_large',
      `The batch has ${sent.length} events; at most ${EVENTS_PER_BATCH} go into one request. Split it.`,
    )
  }
  const nowMs = services.clock()
  const limits = history ? { ...services.limits, eventMaxAgeMs: HISTORY_MAX_AGE_MS } : services.limits
  const parsed = sent.map(({ sent, pointer, wrong }) => ({
    pointer,
    sent,
    event: wrong ?? asked(checkedEvent(sent, pointer, nowMs, limits, newId), history),
  }))

  let config = tenant
  let reloadedForType = false
  for (let attempt = 1; attempt <= CONFIG_TRIES; attempt++) {
    const prepared = parsed.map(({ pointer, event }) =>
      prepareEvent(event, pointer, config, services.log !== null),
    )
    if (!reloadedForType && prepared.some((one) => one.unknownType)) {
      reloadedForType = true
      const latest = await latestConfig(services, config)
      if (latest.version !== config.version) {
        config = latest
        continue
      }
    }
    const invalid = handling === 'strict' ? invalidBatch(prepared) : null
    if (invalid) throw invalid

    const good = prepared.filter((one) => 'event' in one)
    const outcome =
      good.length === 0
        ? ({ kind: 'recorded', verdicts: [] } as const)
        : await send(services, good, config, handling)
    if (outcome.kind === 'stale_config') {
      config = await services.configs.reload(config.tenantId, { newerVersion: outcome.version })
      continue
    }
    if (outcome.kind === 'backlog_full') throw backlogFull(outcome, services.limits)
    const result = resultOf(prepared, outcome.verdicts, parsed)
    if (outcome.kind === 'refused') throw refusedBatch(result)
    return result
  }
  throw new TollgateError(
    'store_unavailable',
    'The meters are being changed at this moment. Send the same request again.',
    { retryAfterSeconds: 1 },
  )
}

const asked = (event: Event | Wrong[], history: boolean): Event | Wrong[] =>
  history && !Array.isArray(event) ? { ...event, history } : event

/** An event that is kept need not wait for Postgres: a configuration that is older than Redis's is told by Redis, too. */
async function latestConfig({ configs, log }: RecordServices, known: TenantConfig): Promise<TenantConfig> {
  try {
    return await configs.reload(known.tenantId, 'unknown_resource_type')
  } catch (error) {
    const away = error instanceof TollgateError && error.code === 'store_unavailable'
    if (known.unmetered === 'keep' && log !== null && away) return known
    throw error
  }
}

function send(
  services: RecordServices,
  events: { event: Event; deltas: Delta[] }[],
  config: TenantConfig,
  handling: 'strict' | 'lenient',
): Promise<RecordOutcome> {
  const batch = batchOf(events, config, { handling, logged: services.log !== null })
  if (bytesOf(batch.counters.map(({ field }) => field)) > services.limits.segmentMaxBytes) {
    throw new TollgateError(
      'batch_too_large',
      'The batch touches more counters than one segment holds: their names alone are too long together. Split it.',
    )
  }
  return services.counters.record(batch)
}

const encoder = new TextEncoder()

/** In UTF-8. A UTF-16 unit takes three bytes at most: few batches need a closer look. */
function bytesOf(texts: string[]): number {
  const units = texts.reduce((sum, text) => sum + text.length, 0)
  return units < 300_000 ? units : texts.reduce((sum, text) => sum + encoder.encode(text).length, 0)
}
