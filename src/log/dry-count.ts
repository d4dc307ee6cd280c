// Counting the log into a meter that is not made, to see what it would hold. Nothing is written, and what is counted is what
// filling it would count: by the same steps, of the same events as they stand.

import { TollgateError } from '../kernel/errors.ts'
import type { Meter, TenantConfig } from '../metering/meter.ts'
import type { CounterStore, LiveLog } from '../metering/ports.ts'
import { actsOn, blocksOf } from './act-blocks.ts'
import type { BlockStore } from './block-store.ts'
import { type Counted, DryTally } from './dry-tally.ts'
import type { LogEntry } from './entry.ts'
import {
  DRY_RUN_BLOCKS,
  DRY_RUN_EVENTS,
  DRY_RUN_LAST_BLOCKS,
  DRY_RUN_LIVE_BYTES,
  DRY_RUN_LIVE_PAGES,
  DRY_RUN_TRIES,
} from './limits.ts'
import type { FoundBlocks, LogIndex } from './ports.ts'
import { LATEST_MICROS, unsettledOf } from './unsettled.ts'

export type DryCountServices = {
  counters: Pick<CounterStore, 'readLog'>
  blocks: BlockStore
  logIndex: Pick<LogIndex, 'findBlocks' | 'sizeOf'>
}

/** `customers`: of so many the counters are kept, the first by name. */
type Wanted = { config: TenantConfig; meter: Meter; customers: number }

/** Throws too_much_at_once, with numbers, before it reads a log that is too large. */
export async function countUnmade(services: DryCountServices, wanted: Wanted): Promise<Counted> {
  await refuseTooLarge(services, wanted)
  for (let tries = 0; tries < DRY_RUN_TRIES; tries++) {
    const counted = await countOnce(services, wanted)
    if (counted !== null) return counted
  }
  throw new TollgateError('store_unavailable', 'Events are being corrected at this moment. Send it again.', {
    retryAfterSeconds: 2,
  })
}

const filterOf = ({ resourceType, countsFromMs }: Meter) => ({
  ...{ customerId: null, resourceType, toMs: null, properties: [], text: null },
  fromMs: countsFromMs === null || countsFromMs === Number.NEGATIVE_INFINITY ? null : countsFromMs,
})

async function refuseTooLarge({ logIndex }: DryCountServices, { config, meter }: Wanted): Promise<void> {
  const filter = filterOf(meter)
  const { blocks, events } = await logIndex.sizeOf(config.tenantId, filter, DRY_RUN_BLOCKS)
  if (blocks > DRY_RUN_BLOCKS)
    throw tooLarge(`more than ${DRY_RUN_BLOCKS} blocks of the log may have events of these hours`)
  if (events > DRY_RUN_EVENTS)
    throw tooLarge(`${blocks} blocks with ${events} events may have events of these hours`)
}

/**
 * First blocks as they are listed, and then what was settled meanwhile, until that is little: so the last look at what is not
 * settled, which comes first each time, is of the instant at which this is done. null: events were corrected meanwhile.
 */
async function countOnce(services: DryCountServices, wanted: Wanted): Promise<Counted | null> {
  const { config, meter } = wanted
  const { tenantId } = config
  const tally = new DryTally(wanted)
  const seen = new Set<string>()
  let lastAct: number | null = null
  for (;;) {
    const live = await liveLog(services.counters, tenantId)
    const query = { tenantId, filter: filterOf(meter), order: 'asc' as const, after: null }
    const segments = [...new Set(live.flatMap((page) => page.segments))]
    const { sinceMicros } = live[0]!
    const index = await services.logIndex.findBlocks(
      { ...query, limit: DRY_RUN_BLOCKS },
      { segments, sinceMicros },
    )
    if (index.blocks.length > DRY_RUN_BLOCKS)
      throw tooLarge(`more than ${DRY_RUN_BLOCKS} blocks of the log may have events of these hours`)
    const act = index.acts.at(-1)?.number ?? 0
    if (lastAct !== null && act !== lastAct) return null
    lastAct = act
    const hot = await hotOf(services.blocks, tenantId, live, index)
    const unread = index.blocks.filter(({ name }) => !seen.has(name))
    for await (const [{ name }, { entries }] of blocksOf(services.blocks, unread)) {
      seen.add(name)
      tally.take(hot.left(entries), name, actsOn(name, index.acts))
      if (tally.read > DRY_RUN_EVENTS) throw tooLarge(`it has more than ${DRY_RUN_EVENTS} events`)
    }
    if (unread.length > DRY_RUN_LAST_BLOCKS) continue
    tally.take(hot.entries, null, [])
    return tally.counted(seen.size)
  }
}

/** In pages: with each, from when on its calls came. */
async function liveLog(
  counters: DryCountServices['counters'],
  tenantId: string,
): Promise<(LiveLog & { fromMicros: number })[]> {
  const pages: (LiveLog & { fromMicros: number })[] = []
  let fromMicros: number | null = 0
  while (fromMicros !== null) {
    if (pages.length === DRY_RUN_LIVE_PAGES)
      throw new TollgateError(
        'too_much_at_once',
        `More than ${(DRY_RUN_LIVE_PAGES * DRY_RUN_LIVE_BYTES) / 1_000_000} MB of events wait to be settled: a dry run reads no more of them. Send it again when less comes in.`,
      )
    const page: LiveLog = await counters.readLog(tenantId, {
      ...{ order: 'asc', toMicros: LATEST_MICROS, containing: '' },
      ...{ fromMicros, bytes: DRY_RUN_LIVE_BYTES },
    })
    pages.push({ ...page, fromMicros })
    fromMicros = page.nextMicros
  }
  return pages
}

/** What no block has. Events of segments that are offered again come with each page: each is taken from its own. */
async function hotOf(
  store: BlockStore,
  tenantId: string,
  pages: (LiveLog & { fromMicros: number })[],
  index: FoundBlocks,
): Promise<{ entries: LogEntry[]; left: (entries: LogEntry[]) => LogEntry[] }> {
  const entries: LogEntry[] = []
  let left = (all: LogEntry[]) => all
  for (const page of pages) {
    const found = await unsettledOf(store, tenantId, page, index)
    const { fromMicros, nextMicros } = page
    left = found.left
    for (const entry of found.entries)
      if (entry.receivedMicros >= fromMicros && (nextMicros === null || entry.receivedMicros < nextMicros))
        entries.push(entry)
  }
  return { entries, left }
}

const tooLarge = (what: string) =>
  new TollgateError(
    'too_much_at_once',
    `A dry run reads at most ${DRY_RUN_BLOCKS} blocks and ${DRY_RUN_EVENTS} events, and of a part nobody could tell what bills would come to: ${what}. Try a later hour.`,
  )
