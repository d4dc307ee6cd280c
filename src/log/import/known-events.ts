// Which events of an import are there already. The counter store knows ids for a window; what came before that is in the log,
// which keeps them all: so a file that is sent again after a week counts once, too.

import { TollgateError } from '../../kernel/errors.ts'
import { SHORTEST_DEDUPE_WINDOW_MS } from '../../metering/limits.ts'
import type { CounterStore } from '../../metering/ports.ts'
import type { BlockStore } from '../block-store.ts'
import type { LogEntry } from '../entry.ts'
import type { LogIndex } from '../ports.ts'
import { liveEntries, readBlocks } from '../read-blocks.ts'
import { entriesKept } from '../write-blocks.ts'
import { BLOCKS_COMPARED, FORGOTTEN_SLACK_MS, HOT_BYTES, HOT_LOOK_MS } from './limits.ts'

export type KnownServices = {
  clock: () => number
  limits: { dedupeWindowMs: number }
  counters: Pick<CounterStore, 'readLog'>
  logIndex: Pick<LogIndex, 'findBlocksWith'>
}

/** What is not settled, and will be forgotten by the counter store before the next look. */
type Hot = { segments: string[]; entries: { segment: string; entries: LogEntry[] }[] }

/**
 * Together with the counter store's own ids, this is exact, whatever else is recorded meanwhile: what the counter store has
 * forgotten when a batch is recorded arrived a window before. The last look saw all of it that was not settled by then; what was,
 * the index has.
 */
export class KnownEvents {
  readonly #services: KnownServices
  readonly #blocks: BlockStore
  readonly #tenantId: string
  #hot: Hot | null = null
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(services: KnownServices, blocks: BlockStore, tenantId: string) {
    this.#services = services
    this.#blocks = blocks
    this.#tenantId = tenantId
  }

  /** The events with these ids, by id, the newest of each. Throws store_unavailable where it can't be told. */
  async find(ids: string[]): Promise<Map<string, LogEntry>> {
    const found = new Map<string, LogEntry>()
    if (ids.length === 0) return found
    const wanted = new Set(ids)
    const take = (entries: LogEntry[]) => {
      for (const entry of entries) {
        const known = wanted.has(entry.id) ? (found.get(entry.id)?.receivedMicros ?? -1) : Infinity
        if (entry.receivedMicros > known) found.set(entry.id, entry)
      }
    }
    // The counter store first, as in every read: what is settled in between is in the index.
    const { segments, entries } = await this.#look()
    const { blocks, settled } = await this.#services.logIndex.findBlocksWith(this.#tenantId, ids, segments)
    for (const one of entries) if (!settled.has(one.segment)) take(one.entries)
    for (let at = 0; at < blocks.length; at += BLOCKS_COMPARED)
      for (const block of await readBlocks(this.#blocks, blocks.slice(at, at + BLOCKS_COMPARED)))
        take(block.entries)
    return found
  }

  /** Settling takes minutes, so there is hardly ever anything to see. Then it isn't looked at again for some minutes. */
  async #look(): Promise<Hot> {
    const nowMs = this.#services.clock()
    const isFresh = nowMs - this.#lookedAtMs < HOT_LOOK_MS
    if (this.#hot !== null && isFresh && this.#hot.entries.length === 0) return this.#hot
    // A tenant's window may have been as short as that, whatever it is now: longer ones bring nothing back.
    const windowMs = Math.min(this.#services.limits.dedupeWindowMs, SHORTEST_DEDUPE_WINDOW_MS)
    const toMs = Math.max(0, nowMs - windowMs + FORGOTTEN_SLACK_MS)
    const live = await this.#services.counters.readLog(this.#tenantId, {
      order: 'asc',
      fromMicros: 0,
      toMicros: toMs * 1_000,
      bytes: HOT_BYTES,
      containing: '',
    })
    if (live.nextMicros !== null && live.nextMicros <= toMs * 1_000) throw tooMuchWaits()
    const entries: Hot['entries'] = live.calls.map((call) => ({
      segment: call.segment,
      entries: liveEntries([call]),
    }))
    for (const { segment, kept } of live.kept)
      entries.push({ segment, entries: await entriesKept(this.#blocks, this.#tenantId, kept) })
    this.#hot = { segments: entries.length === 0 ? [] : live.segments, entries }
    this.#lookedAtMs = nowMs
    return this.#hot
  }
}

const tooMuchWaits = () =>
  new TollgateError(
    'store_unavailable',
    'Events that came long ago are not settled yet, so that an import can’t be told from them.',
    { retryAfterSeconds: 60, internal: 'Segments are held up that are older than ids are known for' },
  )
