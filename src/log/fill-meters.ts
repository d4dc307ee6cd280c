// Filling meters that reach back: counting, from settled blocks, the events that they did not count when those were recorded.
// A run is bounded and may be cut off anywhere, or be one of several; what a statement has counted is counted, and named.

import { announceConfig } from '../metering/announce-config.ts'
import { mergeOf } from '../metering/count-events.ts'
import { TALLY_CUSTOMER } from '../metering/counter.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { CounterStore } from '../metering/ports.ts'
import { uncountedIn } from '../metering/read-live.ts'
import type { Act } from './act.ts'
import type { BlockStore } from './block-store.ts'
import { REPLAY_BLOCKS_PER_STEP, REPLAY_METERS_PER_RUN, REPLAY_STEPS_PER_RUN } from './limits.ts'
import { type Counting, replayBlocks, upToEvents } from './replay-blocks.ts'
import type { Filling, FillingMeter, Owed, OwedBlock, OwedPosition, ReplayStore } from './replay-ports.ts'

export type FillServices = {
  counters: Pick<CounterStore, 'readLive' | 'publishConfig'>
  /** null: there is no log, and nothing to fill from */
  blocks: BlockStore | null
  replays: ReplayStore
  acts: { readActs(tenantId: string, blocks: string[]): Promise<{ ledger: string; taken: Act[] }> }
  configs: { load(tenantId: string): Promise<TenantConfig>; forget(tenantId: string): void }
}

export type FillReport = {
  /** blocks and events of them that were counted into some meter */
  blocks: number
  events: number
  /** keys of meters that owe nothing any more */
  filled: string[]
  failed: { meter: string; reason: unknown }[]
  /** whether there was more to do than this run does */
  more: boolean
}

/** Takes turns: a step for each meter, as long as there are steps. A meter that fails, or waits, holds up no other. */
export async function fillMeters(
  services: FillServices,
  { steps = REPLAY_STEPS_PER_RUN }: { steps?: number } = {},
): Promise<FillReport> {
  const report: FillReport = { blocks: 0, events: 0, filled: [], failed: [], more: false }
  if (services.blocks === null) return report
  const meters = await services.replays.fillingMeters(REPLAY_METERS_PER_RUN)
  let runs = meters.map((meter) => new FillRun(services, services.blocks!, meter))
  let left = steps
  while (runs.length > 0 && left > 0) {
    const going: FillRun[] = []
    for (const run of runs) {
      if (left-- <= 0) going.push(run)
      else if (await stepOf(run, report)) going.push(run)
    }
    runs = going
  }
  report.more = runs.length > 0 || meters.length === REPLAY_METERS_PER_RUN
  return report
}

/** Whether the meter has more to do now. */
async function stepOf(run: FillRun, report: FillReport): Promise<boolean> {
  try {
    const { done, counted } = await run.step()
    report.blocks += counted.blocks
    report.events += counted.events
    if (done === 'filled') report.filled.push(run.key)
    return done === null
  } catch (reason) {
    report.failed.push({ meter: run.key, reason })
    return false
  }
}

/** `cancelled`: a revision, of which events were erased meanwhile. `waits`: it owes nothing that is settled, and events that it did not count still wait to be. */
type Done = 'filled' | 'cancelled' | 'waits' | 'overtaken' | null

class FillRun {
  readonly #services: FillServices
  readonly #blocks: BlockStore
  readonly #of: FillingMeter
  /** the last block that was listed, and counted; null: from where the meter is filled to */
  #after: OwedPosition | null = null
  #seq = -1
  /** Whether, since `after` was null, every look found all settled that the meter had not counted: then it owes nothing before. */
  #isWhole = true

  constructor(services: FillServices, blocks: BlockStore, of: FillingMeter) {
    this.#services = services
    this.#blocks = blocks
    this.#of = of
  }

  get key(): string {
    return this.#of.meter.key
  }

  async step(): Promise<{ done: Done; counted: { blocks: number; events: number } }> {
    const { tenantId, meter } = this.#of
    const named = { tenantId, meterId: meter.id }
    const nothing = { blocks: 0, events: 0 }
    // The counter store first: what it does not have any more is in Postgres's answer.
    const { counters } = await this.#services.counters.readLive(tenantId, [TALLY_CUSTOMER])
    const segments = uncountedIn(counters, [meter]).map(({ segment }) => segment)
    const wanted = { limit: REPLAY_BLOCKS_PER_STEP, segments }
    const found = await this.#services.replays.owed(named, { after: this.#after, ...wanted })
    if (found === null) return { done: 'overtaken', counted: nothing }
    const { filling, blocks, unsettled } = found
    // Something was settled since, which may lie before: from the beginning again.
    if (this.#after !== null && filling.seq !== this.#seq) return this.#again(nothing)
    this.#seq = filling.seq
    if (this.#after === null) this.#isWhole = true
    if (unsettled > 0) this.#isWhole = false
    if (blocks.length === 0) {
      if (unsettled > 0) return { done: 'waits', counted: nothing }
      if (this.#after !== null) return this.#again(nothing)
      return { done: await this.#finish(filling), counted: nothing }
    }
    const config = await this.#services.configs.load(tenantId)
    const taken = upToEvents(blocks)
    const { acts, ledger } = await this.#actsOn(taken, found)
    const counted = { ...nothing }
    let current = filling
    for await (const some of replayBlocks(this.#blocks, { meter, config, acts }, taken)) {
      if (!(await this.#enter(current, some, ledger))) return { done: 'overtaken', counted }
      current = { ...current, blocks: current.blocks + some.blocks.length }
      counted.blocks += some.blocks.length
      counted.events += some.events
    }
    return { done: null, counted }
  }

  /** A revision is switched to, in the same step. */
  async #finish(filling: Filling): Promise<Done> {
    const { tenantId, meter } = this.#of
    const named = { tenantId, meterId: meter.id }
    const { replays } = this.#services
    if (meter.revision?.state !== 'filling') return (await replays.filled(named, filling)) ? 'filled' : null
    const outcome = await replays.switchOver(named, filling)
    if (outcome === null) return null
    await announceConfig(this.#services, tenantId, outcome.version)
    return outcome.isSwitched ? 'filled' : 'cancelled'
  }

  #again(counted: { blocks: number; events: number }) {
    this.#after = null
    return { done: null, counted }
  }

  /**
   * What adds counts an event as it stood when the meter was made: later acts add to the meter themselves. What does not add counts
   * it as it stands, and is entered only if it still does. `ledger`: the one that it must be then.
   */
  async #actsOn(
    taken: OwedBlock[],
    { filling, ledger, acts: number }: Owed,
  ): Promise<{ acts: Act[]; ledger: string | null }> {
    const { tenantId, meter } = this.#of
    const adds = mergeOf(meter.aggregation) === 'add'
    if (number === 0) return { acts: [], ledger: adds ? null : ledger }
    const names = taken.map(({ name }) => name)
    const known = await this.#services.acts.readActs(tenantId, names)
    const acts = adds ? known.taken.filter((act) => act.number <= filling.bornAct) : known.taken
    return { acts, ledger: adds ? null : known.ledger }
  }

  async #enter(filling: Filling, { blocks, counters }: Counting, ledger: string | null): Promise<boolean> {
    const { tenantId, meter } = this.#of
    const last = blocks.at(-1)!
    const filledTo = this.#isWhole ? last.receivedMicros[1] - 1 : null
    const names = blocks.map(({ name }) => name)
    const named = { tenantId, meterId: meter.id }
    if (!(await this.#services.replays.enter(named, filling, { blocks: names, counters, filledTo, ledger })))
      return false
    this.#after = { receivedMicros: last.receivedMicros[1], id: last.id }
    return true
  }
}
