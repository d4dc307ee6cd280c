// One batch of lines: what is there already is told, and the rest recorded, line by line on its own.

import { TollgateError } from '../../kernel/errors.ts'
import { sameJson } from '../../kernel/same-json.ts'
import { type Event, parseEvent, type Wrong } from '../../metering/event.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type RecordServices, recordUsage } from '../../metering/record-usage.ts'
import type { LogEntry } from '../entry.ts'
import type { KnownEvents } from './known-events.ts'
import type { SentLine } from './line.ts'
import type { ImportTally } from './tally.ts'

type Sent = { line: number; sent: unknown }

/** What became of a line. */
export type Verdict =
  | { line: number; as: 'accepted' | 'duplicates' }
  | { line: number; as: 'conflicts' | 'invalid'; what: string | Wrong[] }

export type BatchServices = RecordServices & {
  /** Whether they are history. */
  history: boolean
  /** null: there is no log, and what the counter store has forgotten is not known */
  known: KnownEvents | null
}

/** In any order. Throws store_unavailable, and what says that something is full: then the same batch may be imported again. */
export async function importBatch(
  services: BatchServices,
  tenant: TenantConfig,
  lines: SentLine[],
): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  const events: Sent[] = []
  for (const one of lines) {
    const lacking = 'wrong' in one ? one.wrong : lacks(one.sent)
    if (lacking === null) events.push(one as Sent)
    else verdicts.push({ line: one.line, as: 'invalid', what: lacking })
  }
  const known = (await services.known?.find(events.map(({ sent }) => idOf(sent)!))) ?? new Map()
  const fresh: Sent[] = []
  for (const one of events) {
    const entry = known.get(idOf(one.sent)!)
    if (entry === undefined) fresh.push(one)
    else verdicts.push({ line: one.line, ...beside(entry, one.sent, services.clock()) })
  }
  verdicts.push(...(await recorded(services, tenant, fresh)))
  return verdicts
}

const field = (sent: unknown, name: 'id' | 'timestamp'): unknown =>
  typeof sent === 'object' && sent !== null ? (sent as Record<string, unknown>)[name] : undefined

/** What is no text is no id: recording says so. */
const idOf = (sent: unknown): string | null => {
  const id = field(sent, 'id')
  return typeof id === 'string' ? id : ''
}

/** Without an id a repeat couldn't be told, and without a time the past would be now. */
function lacks(sent: unknown): Wrong[] | null {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return null
  const wrong: Wrong[] = []
  if (isAbsent(field(sent, 'id')))
    wrong.push({
      pointer: '#/id',
      detail: 'is required in an import: by its id an event is counted once, however often the file is sent',
    })
  if (isAbsent(field(sent, 'timestamp')))
    wrong.push({
      pointer: '#/timestamp',
      detail: 'is required in an import: an event without one would have happened now',
    })
  return wrong.length === 0 ? null : wrong
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null

/** What is sent again, or has the id of another. */
function beside(
  entry: LogEntry,
  sent: unknown,
  nowMs: number,
): { as: 'duplicates' } | { as: 'conflicts' | 'invalid'; what: Wrong[] } {
  const event = parseEvent(sent, '#', nowMs, () => entry.id)
  if (Array.isArray(event)) return { as: 'invalid', what: event }
  return isSame(entry, event) ? { as: 'duplicates' } : { as: 'conflicts', what: [CONFLICT] }
}

const CONFLICT: Wrong = {
  pointer: '#/id',
  detail: 'was used before for an event with other content; nothing of this one is counted',
}

const isSame = (entry: LogEntry, event: Event): boolean =>
  entry.customerId === event.customerId &&
  entry.resourceType === event.resourceType &&
  entry.quantity === event.quantity &&
  entry.timestampMs === event.timestampMs &&
  sameJson(entry.properties, event.properties)

async function recorded(services: BatchServices, tenant: TenantConfig, lines: Sent[]): Promise<Verdict[]> {
  if (lines.length === 0) return []
  try {
    const { events } = await recordUsage(services, tenant, {
      events: lines.map(({ sent }) => ({ sent, pointer: '#' })),
      handling: 'lenient',
      history: services.history,
    })
    return events.map(({ status, errors = [] }, i): Verdict => {
      const { line } = lines[i]!
      if (status === 'accepted') return { line, as: 'accepted' }
      if (status === 'duplicate') return { line, as: 'duplicates' }
      return { line, as: status === 'conflict' ? 'conflicts' : 'invalid', what: errors }
    })
  } catch (error) {
    // The names of its counters are too long together: not those of a half.
    const isTooLarge = error instanceof TollgateError && error.code === 'batch_too_large'
    if (!isTooLarge || lines.length === 1) throw error
    const half = Math.ceil(lines.length / 2)
    const first = await recorded(services, tenant, lines.slice(0, half))
    return [...first, ...(await recorded(services, tenant, lines.slice(half)))]
  }
}

/** In the order of the lines. */
export function tallied(tally: ImportTally, verdicts: Verdict[]): void {
  for (const verdict of verdicts.sort((a, b) => a.line - b.line)) {
    if ('what' in verdict) tally.refused(verdict.as, verdict.line, verdict.what)
    else tally.counted(verdict.as)
  }
}
